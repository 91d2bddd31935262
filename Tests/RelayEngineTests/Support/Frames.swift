// The frames of a client, written and read byte by byte (RFC 6455 §5.2).

enum Frames {
  private static let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

  /// A whole masked frame.
  static func masked(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
    var frame: [UInt8] = [0x80 | opcode]
    switch payload.count {
    case ..<126: frame.append(0x80 | UInt8(payload.count))
    case ..<65_536: frame += [0x80 | 126] + bigEndian(payload.count, byteCount: 2)
    default: frame += [0x80 | 127] + bigEndian(payload.count, byteCount: 8)
    }
    frame += key
    frame.reserveCapacity(frame.count + payload.count)
    var index = 0
    for byte in payload {
      frame.append(byte ^ key[index & 3])
      index += 1
    }
    return frame
  }

  /// The first frame of a server's stream and its length; nil: it is not complete.
  static func parse(_ bytes: ArraySlice<UInt8>) -> (Incoming, Int)? {
    let start = bytes.startIndex
    guard bytes.count >= 2 else { return nil }
    var length = Int(bytes[start + 1])
    var headerByteCount = 2
    if length >= 126 {
      headerByteCount = length == 126 ? 4 : 10
      guard bytes.count >= headerByteCount else { return nil }
      length = bytes[start + 2..<start + headerByteCount].reduce(0) { $0 << 8 | Int($1) }
    }
    let end = headerByteCount + length
    guard bytes.count >= end else { return nil }
    let payload = Array(bytes[start + headerByteCount..<start + end])
    return (.frame(opcode: bytes[start] & 0x0F, payload: payload), end)
  }

  private static func bigEndian(_ value: Int, byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * (byteCount - 1 - $0))) }
  }
}
