// How the state of a hand-over is written: fields of a number and a value, a number or bytes. A
// field that has its default is left out, and one that the reader does not know is skipped, so that
// a format can grow without a new version. Whoever reads believes nothing: not a length, not a
// number.

/// What is wrong with the state of a hand-over.
package enum HandoverFault: Error, Equatable, Sendable {
  /// It does not begin as one does.
  case foreign
  /// It was written by a version whose state this one does not understand.
  case version(UInt32)
  /// It ends in the midst of something.
  case truncated
  /// It is not what was written.
  case checksum
  /// A field that no version writes so; its number.
  case field(UInt8)
  /// What it says contradicts itself.
  case contradiction
}

extension HandoverFault: CustomStringConvertible {
  /// As a sentence goes on after "the state of the process before could not be read: ".
  package var description: String {
    switch self {
    case .foreign: "it is none"
    case .version(let version): "its format is version \(version)"
    case .truncated: "it is truncated"
    case .checksum: "it is damaged"
    case .field(let number): "its field \(number) is malformed"
    case .contradiction: "it contradicts itself"
    }
  }
}

/// Writes fields.
struct HandoverEncoder {
  private(set) var bytes: [UInt8] = []

  /// Bit 0 of a field's first byte: bytes follow, not a number.
  static let bytesBit: UInt8 = 1

  /// Writes a number that is not 0.
  mutating func put(_ field: UInt8, _ number: some FixedWidthInteger & UnsignedInteger) {
    if number == 0 { return }
    bytes.append(field << 1)
    append(UInt64(number))
  }

  /// Writes a flag that is set.
  mutating func put(_ field: UInt8, _ flag: Bool) { put(field, flag ? 1 : 0 as UInt8) }

  /// Writes bytes, if there are any.
  mutating func put(_ field: UInt8, _ value: [UInt8]) {
    if !value.isEmpty { putAlways(field, value) }
  }

  /// Writes bytes, also if there are none.
  mutating func putAlways(_ field: UInt8, _ value: [UInt8]) {
    bytes.append(field << 1 | Self.bytesBit)
    append(UInt64(value.count))
    bytes += value
  }

  /// Writes a text that is not empty.
  mutating func put(_ field: UInt8, _ text: String) { put(field, Array(text.utf8)) }

  /// Seven bits a byte, the lowest first; the top bit says that more follow.
  private mutating func append(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// Reads fields.
struct HandoverDecoder {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  /// The bytes must outlive the reading.
  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// One field as it was read.
  struct Field {
    /// Which it is.
    let number: UInt8
    private let value: Value

    fileprivate enum Value {
      case number(UInt64)
      case bytes(UnsafeRawBufferPointer)
    }

    fileprivate init(number: UInt8, value: Value) {
      self.number = number
      self.value = value
    }

    /// Its number, which must fit.
    func integer<N: FixedWidthInteger>(_: N.Type = N.self) throws(HandoverFault) -> N {
      guard case .number(let number) = value, let exact = N(exactly: number) else {
        throw .field(self.number)
      }
      return exact
    }

    /// Its flag.
    func flag() throws(HandoverFault) -> Bool { try integer(UInt8.self) != 0 }

    /// Its bytes, good as long as those that are read from.
    func slice() throws(HandoverFault) -> UnsafeRawBufferPointer {
      guard case .bytes(let bytes) = value else { throw .field(number) }
      return bytes
    }

    /// Its bytes.
    func array() throws(HandoverFault) -> [UInt8] { Array(try slice()) }

    /// Its text, which must be UTF-8.
    func text() throws(HandoverFault) -> String {
      guard let text = String(validating: try slice(), as: UTF8.self) else { throw .field(number) }
      return text
    }
  }

  /// The next field; nil at the end.
  mutating func next() throws(HandoverFault) -> Field? {
    guard position < bytes.count else { return nil }
    let head = bytes[position]
    position += 1
    let number = try varint()
    if head & HandoverEncoder.bytesBit == 0 {
      return Field(number: head >> 1, value: .number(number))
    }
    guard number <= UInt64(bytes.count - position) else { throw .truncated }
    let slice = bytes[position..<(position + Int(number))]
    position += Int(number)
    return Field(number: head >> 1, value: .bytes(UnsafeRawBufferPointer(rebasing: slice)))
  }

  private mutating func varint() throws(HandoverFault) -> UInt64 {
    var number: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < bytes.count else { throw .truncated }
      let byte = bytes[position]
      position += 1
      let part = UInt64(byte & 0x7F)
      if shift == 63 && part > 1 { break }
      number |= part << shift
      if byte & 0x80 == 0 { return number }
    }
    throw .contradiction
  }
}

/// A sum that tells damage, not malice: the state is kept by the service manager, in memory that
/// nobody can write to.
enum HandoverChecksum {
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var sum: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(bytes.count)
    var offset = 0
    while offset + 8 <= bytes.count {
      sum = mixed(sum, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    while offset < bytes.count {
      sum = mixed(sum, UInt64(bytes[offset]))
      offset += 1
    }
    return UInt32(truncatingIfNeeded: sum ^ sum >> 32)
  }

  private static func mixed(_ sum: UInt64, _ word: UInt64) -> UInt64 {
    let product = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
    return product ^ product >> 29
  }
}
