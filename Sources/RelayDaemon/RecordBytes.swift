// The bytes of a record in the making. A record is a hundred small pieces, and at thousands of
// records a second an array's way of taking each of them is most of what the writer does.

import CloseEvents

/// Bytes that grow at their end and keep their memory when they are emptied.
struct RecordBytes: Sendable {
  /// Always used to its end: what is behind `count` is left over from before.
  private var storage = [UInt8](repeating: 0, count: 4096)
  private(set) var count = 0

  mutating func removeAll() { count = 0 }

  mutating func append(_ byte: UInt8) {
    makeRoom(for: 1)
    storage[count] = byte
    count += 1
  }

  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let source = bytes.baseAddress else { return }
    makeRoom(for: bytes.count)
    let count = count
    storage.withUnsafeMutableBufferPointer { storage in
      storage.baseAddress?.advanced(by: count).update(from: source, count: bytes.count)
    }
    self.count = count + bytes.count
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
  mutating func append(literal text: StaticString) {
    append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends a number in decimal digits, filled up with zeros to `width`, which is at least 1.
  mutating func append(decimal number: UInt64, width: Int = 1) {
    if number < 10 && width == 1 { return append(UInt8(ascii: "0") + UInt8(number)) }
    let start = count
    let digitCount = max(width, Self.digitCount(of: number))
    makeRoom(for: digitCount)
    storage.withUnsafeMutableBufferPointer { storage in
      var rest = number
      var place = start + digitCount
      while place > start {
        place -= 1
        storage[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      }
    }
    count = start + digitCount
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
    if count + more > storage.count { grow(by: more) }
  }

  @inline(never)
  private mutating func grow(by more: Int) {
    storage.append(contentsOf: repeatElement(0, count: max(more, storage.count)))
  }

  /// Some of the bytes, or all of them.
  func withUnsafeBytes<Result, Failure: Error>(
    in range: Range<Int>? = nil, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let range = range ?? 0..<count
    precondition(range.upperBound <= count, "bytes past the end of a record")
    return try storage.withUnsafeBufferPointer { (storage) throws(Failure) in
      try body(UnsafeBufferPointer(rebasing: storage[range]))
    }
  }
}
