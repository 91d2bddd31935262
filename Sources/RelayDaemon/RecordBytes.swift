// The bytes of a record in the making. A record is a hundred small pieces, and at thousands of
// records a second an array's way of taking each of them is most of what the writer does.

import CloseEvents

/// Bytes that grow at their end and keep their memory when they are emptied.
///
/// Not copyable, so that an append need not ask whether somebody else has the same memory.
struct RecordBytes: ~Copyable {
  private var memory: UnsafeMutablePointer<UInt8>
  private var capacity = 4096
  private(set) var count = 0

  init() { memory = .allocate(capacity: capacity) }

  deinit { memory.deallocate() }

  /// Drops what is behind the first `count` bytes, which there are at least.
  mutating func removeAll(behind count: Int = 0) {
    precondition(count >= 0 && count <= self.count, "a record that would grow by being cut")
    self.count = count
  }

  mutating func append(_ byte: UInt8) {
    makeRoom(for: 1)
    memory[count] = byte
    count += 1
  }

  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let source = bytes.baseAddress else { return }
    makeRoom(for: bytes.count)
    (memory + count).update(from: source, count: bytes.count)
    count += bytes.count
  }

  mutating func append(_ other: borrowing RecordBytes) {
    other.withUnsafeBytes { append($0) }
  }

  /// Appends text as it is.
  mutating func append(text: String) {
    // A copy to call `withUTF8` on would be counted as one more reference.
    if text.utf8.withContiguousStorageIfAvailable({ append($0) }) == nil {
      for byte in text.utf8 { append(byte) }
    }
  }

  /// Appends text that others chose, capped and escaped (see `EscapedText`).
  mutating func append(
    escaping text: String, limit: Int = EscapedText.maximumByteCount, asWord: Bool = false
  ) {
    let isPlain = text.utf8.withContiguousStorageIfAvailable { bytes in
      guard bytes.count <= limit && EscapedText.isPlain(bytes, asWord: asWord) else { return false }
      append(bytes)
      return true
    }
    if isPlain == true { return }
    var escaped: [UInt8] = []
    EscapedText.append(text, to: &escaped, limit: limit, asWord: asWord)
    escaped.withUnsafeBufferPointer { append($0) }
  }

  /// Appends text of our own as it is.
  @inline(__always)
  mutating func append(literal text: StaticString) {
    append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends a number in decimal digits, filled up with zeros to `width`, which is at least 1.
  mutating func append(decimal number: UInt64, width: Int = 1) {
    if number < 10 && width == 1 { return append(UInt8(ascii: "0") + UInt8(number)) }
    let digitCount = max(width, Self.digitCount(of: number))
    makeRoom(for: digitCount)
    var rest = number
    var place = memory + count + digitCount
    for _ in 0..<digitCount {
      place -= 1
      place.pointee = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += digitCount
  }

  /// How many decimal digits a number has: at most 20.
  private static func digitCount(of number: UInt64) -> Int {
    var count = 1
    var bound: UInt64 = 10
    while count < 20 && number >= bound {
      count += 1
      bound &*= 10
    }
    return count
  }

  private mutating func makeRoom(for more: Int) {
    if more > capacity - count { grow(by: more) }
  }

  @inline(never)
  private mutating func grow(by more: Int) {
    capacity += max(more, capacity)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.initialize(from: memory, count: count)
    memory.deallocate()
    memory = larger
  }

  /// Some of the bytes, or all of them.
  func withUnsafeBytes<Result, Failure: Error>(
    in range: Range<Int>? = nil, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let range = range ?? 0..<count
    precondition(
      range.lowerBound >= 0 && range.upperBound <= count, "bytes past the end of a record")
    return try body(UnsafeBufferPointer(start: memory + range.lowerBound, count: range.count))
  }
}
