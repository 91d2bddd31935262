// One record, ready to be sent: fields as `NAME=value`, back to back in one block, in the order they
// were appended. The writer thread fills one entry over and over, so that its memory is allocated
// once. MESSAGE is always the first field. Text goes through `EscapedText`, without exception.

import RelayCore

/// An ordered list of the fields of one record.
struct JournalEntry: Sendable {
  private(set) var bytes: [UInt8] = []
  /// Where each field is in `bytes`, name and all.
  private(set) var fields: [Range<Int>] = []
  private(set) var priority = RecordPriority.info
  /// When it happened, in microseconds since 1970.
  private(set) var time: Int64 = 0

  /// Empties the entry and begins another with the fields that every record has.
  mutating func begin(
    event: RecordEvent?, messageID: String?, priority: RecordPriority, time: Int64,
    message: (inout [UInt8]) -> Void
  ) {
    bytes.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
    self.priority = priority
    self.time = time
    append(.message, writing: message)
    append(.priority, UInt64(priority.rawValue))
    append(.identifier, word: "wsrelay")
    if let messageID { append(.messageID, word: messageID) }
    if let event { append(.event, word: event.rawValue) }
  }

  /// Appends a field whose value `write` produces.
  mutating func append(_ field: JournalField, writing write: (inout [UInt8]) -> Void) {
    let start = bytes.count
    bytes.append(contentsOf: field.rawValue.utf8)
    bytes.append(UInt8(ascii: "="))
    write(&bytes)
    fields.append(start..<bytes.count)
  }

  /// Appends a number in decimal; nothing if it is unknown.
  mutating func append(_ field: JournalField, _ number: UInt64?) {
    guard let number else { return }
    append(field) { $0.append(contentsOf: String(number).utf8) }
  }

  /// Appends a word of our own vocabulary, which needs no escaping.
  mutating func append(_ field: JournalField, word: String) {
    append(field) { $0.append(contentsOf: word.utf8) }
  }

  /// Appends text that others chose, capped and escaped; nothing if it is empty.
  mutating func append(
    _ field: JournalField, text: String, limit: Int = EscapedText.maximumByteCount
  ) {
    if text.isEmpty { return }
    append(field) { EscapedText.append(text, to: &$0, limit: limit) }
  }

  /// The name and the value of a field, as slices of `bytes`.
  func parts(of field: Range<Int>) -> (name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
    let equals = bytes[field].firstIndex(of: UInt8(ascii: "=")) ?? field.upperBound - 1
    return (bytes[field.lowerBound..<equals], bytes[(equals + 1)..<field.upperBound])
  }

  /// The value of a field; nil where the record has no such field.
  func value(of field: JournalField) -> ArraySlice<UInt8>? {
    for range in fields {
      let (name, value) = parts(of: range)
      if name.elementsEqual(field.rawValue.utf8) { return value }
    }
    return nil
  }
}
