// What stands in front of the records of a hand-over: which format, whose listeners the records
// name, and how many there are.
//
// A fixed preamble: eight bytes of magic; then as 32-bit numbers, little-endian, the version of the
// format, the oldest version whose readers understand it, the count of records, the byte count and
// the checksum of the fields that follow. Then those fields. Then the records, each behind its byte
// count and its checksum. The descriptors come beside it, in this order: those of the listeners,
// then one for each record.

/// The head of the state of a hand-over.
package struct HandoverHeader: Equatable, Sendable {
  /// The format that this program writes, and the newest that it knows.
  package static let currentVersion: UInt32 = 1
  /// The oldest format whose readers understand what this program writes: what they do not know,
  /// they skip.
  package static let oldestReaderVersion: UInt32 = 1

  /// The program that wrote it, by its version.
  package var program = ""
  /// When its workers stopped to serve.
  package var pausedAt = Instant.origin
  /// Whose descriptors come first, in this order.
  package var listeners: [ListenAddress] = []
  /// The names of listeners that records name by their place; more than there are listeners.
  package var listenerNames: [String] = []
  /// How many sessions there are records of.
  package var recordCount = 0

  package init() {}

  private static let magic = Array("WSRELAYH".utf8)
  private static let preambleByteCount = 8 + 5 * 4
  /// A header above this is none: a thousand routes take less than a tenth.
  private static let maximumFieldByteCount = 16 << 20

  private enum Field {
    static let program: UInt8 = 1
    static let pausedAt: UInt8 = 2
    static let tcpListener: UInt8 = 3
    static let unixListener: UInt8 = 4
    static let inheritedListener: UInt8 = 5
    static let listenerName: UInt8 = 6
  }
}

// MARK: - Writing

extension HandoverHeader {
  /// The header as it is written; as long whatever `recordCount` is.
  package func encoded() -> [UInt8] {
    var fields = HandoverEncoder()
    fields.put(Field.program, program)
    fields.put(Field.pausedAt, UInt64(max(0, pausedAt.microseconds)))
    for listener in listeners {
      switch listener {
      case .tcp(let host, let port):
        fields.put(
          Field.tcpListener, [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)] + host.utf8)
      case .unix(let path): fields.putAlways(Field.unixListener, Array(path.utf8))
      case .inherited(let name): fields.putAlways(Field.inheritedListener, Array(name.utf8))
      }
    }
    for name in listenerNames { fields.putAlways(Field.listenerName, Array(name.utf8)) }
    let checksum = fields.bytes.withUnsafeBytes { HandoverChecksum.of($0) }
    let numbers = [
      Self.currentVersion, Self.oldestReaderVersion, UInt32(clamping: recordCount),
      UInt32(clamping: fields.bytes.count), checksum,
    ]
    return Self.magic + numbers.flatMap(\.littleEndianBytes) + fields.bytes
  }
}

// MARK: - Reading

extension HandoverHeader {
  /// Reads a header from the beginning of `bytes`; `byteCount` becomes how many are its own.
  package init(reading bytes: UnsafeRawBufferPointer, byteCount: inout Int) throws(HandoverFault) {
    guard bytes.starts(with: Self.magic.prefix(bytes.count)) else { throw .foreign }
    guard bytes.count >= Self.preambleByteCount else { throw .truncated }
    func number(_ index: Int) -> Int { Int(bytes.littleEndian32(at: Self.magic.count + 4 * index)) }
    // Version 0 never was.
    guard number(0) > 0, number(1) <= Int(Self.currentVersion) else {
      throw .version(UInt32(number(0)))
    }
    recordCount = number(2)
    let fieldByteCount = number(3)
    guard fieldByteCount <= Self.maximumFieldByteCount else { throw .contradiction }
    byteCount = Self.preambleByteCount + fieldByteCount
    guard byteCount <= bytes.count else { throw .truncated }
    let fields = UnsafeRawBufferPointer(rebasing: bytes[Self.preambleByteCount..<byteCount])
    guard number(4) == Int(HandoverChecksum.of(fields)) else { throw .checksum }
    var decoder = HandoverDecoder(fields)
    while let field = try decoder.next() { try take(field) }
  }

  private mutating func take(_ field: HandoverDecoder.Field) throws(HandoverFault) {
    switch field.number {
    case Field.program: program = try field.text()
    case Field.pausedAt: pausedAt = Instant(microseconds: try field.integer())
    case Field.tcpListener:
      let bytes = try field.array()
      guard bytes.count >= 2,
        let host = String(validating: bytes.dropFirst(2), as: UTF8.self)
      else { throw .field(field.number) }
      listeners.append(.tcp(host: host, port: UInt16(bytes[0]) << 8 | UInt16(bytes[1])))
    case Field.unixListener: listeners.append(.unix(path: try field.text()))
    case Field.inheritedListener: listeners.append(.inherited(name: try field.text()))
    case Field.listenerName: listenerNames.append(try field.text())
    default: break
    }
  }
}

// MARK: - The frames of records

/// One record among others: its byte count and checksum, then its bytes.
package enum HandoverRecordFrame {
  private static let prefixByteCount = 8

  /// Appends a record to others.
  package static func append(_ record: [UInt8], to bytes: inout [UInt8]) {
    let checksum = record.withUnsafeBytes { HandoverChecksum.of($0) }
    bytes += UInt32(clamping: record.count).littleEndianBytes + checksum.littleEndianBytes
    bytes += record
  }

  /// Where the records in `bytes` are, from `start` on; a whole record that is damaged is left out
  /// as nil, and those that are cut off are missing.
  package static func ranges(
    in bytes: UnsafeRawBufferPointer, from start: Int, count: Int
  ) -> [Range<Int>?] {
    var ranges: [Range<Int>?] = []
    var position = start
    while ranges.count < count, bytes.count - position >= prefixByteCount {
      let byteCount = Int(bytes.littleEndian32(at: position))
      let checksum = bytes.littleEndian32(at: position + 4)
      let first = position + prefixByteCount
      guard byteCount <= bytes.count - first else { break }
      let range = first..<(first + byteCount)
      let isWhole =
        HandoverChecksum.of(UnsafeRawBufferPointer(rebasing: bytes[range])) == checksum
      ranges.append(isWhole ? range : nil)
      position = range.upperBound
    }
    return ranges
  }
}

extension UInt32 {
  fileprivate var littleEndianBytes: [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * UInt32($0))) }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func littleEndian32(at offset: Int) -> UInt32 {
    UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}
