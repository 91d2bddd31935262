// Frames as the tests of the core write and read them, on purpose without the code under test.

/// One frame, its payload unmasked.
package struct CoreFrame: Equatable, Sendable {
  package var firstByte: UInt8
  package var payload: [UInt8]

  package init(_ firstByte: UInt8, _ payload: [UInt8] = []) {
    self.firstByte = firstByte
    self.payload = payload
  }

  package static func text(_ text: String) -> CoreFrame { CoreFrame(0x81, Array(text.utf8)) }
  package static func binary(_ bytes: [UInt8]) -> CoreFrame { CoreFrame(0x82, bytes) }
  package static func ping(_ bytes: [UInt8] = []) -> CoreFrame { CoreFrame(0x89, bytes) }
  package static func pong(_ bytes: [UInt8] = []) -> CoreFrame { CoreFrame(0x8A, bytes) }
  /// A Close frame; without a code it has no payload.
  package static func close(_ code: UInt16? = nil, _ reason: String = "") -> CoreFrame {
    guard let code else { return CoreFrame(0x88) }
    return CoreFrame(
      0x88, [UInt8(code >> 8), UInt8(truncatingIfNeeded: code)] + Array(reason.utf8))
  }

  package var opcode: UInt8 { firstByte & 0x0F }
  package var isControl: Bool { firstByte & 0x08 != 0 }
  package var isClose: Bool { opcode == 8 }
  /// RSV1 (RFC 7692 §6).
  package var isCompressed: Bool { firstByte & 0x40 != 0 }
  package var text: String { String(decoding: payload, as: UTF8.self) }
  /// The code of a Close frame.
  package var closeCode: UInt16? {
    payload.count < 2 ? nil : UInt16(payload[0]) << 8 | UInt16(payload[1])
  }

  private func header(maskBit: UInt8) -> [UInt8] {
    let count = payload.count
    if count < 126 { return [firstByte, maskBit | UInt8(count)] }
    if count < 65_536 {
      return [firstByte, maskBit | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
    }
    return [firstByte, maskBit | 127]
      + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
  }

  /// The bytes a server sends.
  package var fromServer: [UInt8] { header(maskBit: 0) + payload }

  /// The bytes a client sends.
  package func masked(_ key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]) -> [UInt8] {
    var bytes = header(maskBit: 0x80)
    bytes.reserveCapacity(bytes.count + 4 + payload.count)
    bytes += key
    for index in payload.indices { bytes.append(payload[index] ^ key[index & 3]) }
    return bytes
  }
}

extension [CoreFrame] {
  /// The bytes a client sends for all of them.
  package var masked: [UInt8] { flatMap { $0.masked() } }
}

/// Reads what a server sent, frame by frame, and insists that each is one that a server may send.
package struct CoreFrameReader: Sendable {
  package private(set) var frames: [CoreFrame] = []
  /// What is wrong with the bytes; nothing is read after it.
  package private(set) var fault: String?
  /// Bytes of a frame that is not whole yet.
  package private(set) var rest: [UInt8] = []
  private var hasClosed = false

  package init() {}

  package init(_ bytes: some Sequence<UInt8>) { read(bytes) }

  /// Takes the frames that were read.
  package mutating func takeFrames() -> [CoreFrame] {
    defer { frames = [] }
    return frames
  }

  package mutating func read(_ bytes: some Sequence<UInt8>) {
    rest += bytes
    var start = 0
    while fault == nil, let (header, payload) = lengths(at: start),
      start + header + payload <= rest.count
    {
      let end = start + header + payload
      let frame = CoreFrame(rest[start], Array(rest[(start + header)..<end]))
      fault = fault ?? Self.fault(of: frame)
      if hasClosed { fault = "a frame after Close" }
      hasClosed = frame.isClose
      frames.append(frame)
      start = end
    }
    rest.removeFirst(start)
  }

  /// The lengths of the header and the payload that begin at an offset.
  private mutating func lengths(at start: Int) -> (header: Int, payload: Int)? {
    guard rest.count >= start + 2 else { return nil }
    if rest[start + 1] & 0x80 != 0 { fault = "a masked frame" }
    let short = Int(rest[start + 1] & 0x7F)
    if short < 126 { return (2, short) }
    let end = start + (short == 126 ? 4 : 10)
    guard rest.count >= end else { return nil }
    let length = rest[(start + 2)..<end].reduce(0) { $0 &<< 8 | Int($1) }
    if length < (short == 126 ? 126 : 65_536) { fault = "a length that is not minimal" }
    return (end - start, length)
  }

  private static func fault(of frame: CoreFrame) -> String? {
    // The relay never fragments, so every frame it sends is final and begins a message.
    if ![0x81, 0x82, 0xC1, 0xC2, 0x88, 0x89, 0x8A].contains(frame.firstByte) {
      return "first byte \(frame.firstByte)"
    }
    if frame.isControl && frame.payload.count > 125 { return "a control frame above 125 bytes" }
    if frame.opcode == 1 && !frame.isCompressed
      && String(validating: frame.payload, as: UTF8.self) == nil
    {
      return "text that is not UTF-8"
    }
    if frame.isClose && frame.payload.count == 1 { return "a Close payload of one byte" }
    return nil
  }
}

extension CoreFrame: CustomStringConvertible {
  /// Short: the first byte, the length, and the beginning of the payload.
  package var description: String {
    "\(String(firstByte, radix: 16))/\(payload.count):\(payload.prefix(12))"
  }
}
