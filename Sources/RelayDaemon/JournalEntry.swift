// One record, ready to be sent: fields back to back in one block, in the order they were appended,
// for journald as `NAME=value`. The writer thread fills one entry over and over, so that its memory
// is allocated once. MESSAGE is always the first field. Text goes through `EscapedText`, without
// exception.

import CloseEvents
import RelayCore

/// An ordered list of the fields of one record.
struct JournalEntry: Sendable {
  /// What an entry is filled for. What there is no use for is not appended, nor made.
  enum Form: Sendable {
    /// Every field as `NAME=value`.
    case named
    /// The value of every field.
    case values
    /// The values of those fields that a line of text shows.
    case line
  }

  private(set) var bytes = RecordBytes()
  /// Where each field is in `bytes`, name and all if it has one there.
  private(set) var fields: [Range<Int>] = []
  /// What each field is, in the order of `fields`.
  private(set) var names: [JournalField] = []
  private(set) var priority = RecordPriority.info
  /// When it happened, in microseconds since 1970.
  private(set) var time: Int64 = 0
  private let form: Form

  init(_ form: Form = .named) { self.form = form }

  private func isNeeded(_ field: JournalField) -> Bool { form != .line || field.isInLine }

  /// Empties the entry and begins another with the fields that every record has; the text of
  /// MESSAGE is about `subject`, which a closure would copy.
  mutating func begin<Subject>(
    event: RecordEvent?, messageID: String?, priority: RecordPriority, time: Int64,
    about subject: Subject, message: (Subject, inout RecordBytes) -> Void
  ) {
    bytes.removeAll()
    fields.removeAll(keepingCapacity: true)
    names.removeAll(keepingCapacity: true)
    self.priority = priority
    self.time = time
    append(.message, about: subject, writing: message)
    append(.priority, UInt64(priority.rawValue))
    append(.identifier, word: "wsrelay")
    if let messageID { append(.messageID, word: messageID) }
    if let event { append(.event, word: event.rawValue) }
  }

  // Inlined, as a closure that is handed on would copy the connection it is about: four hundred
  // bytes and ten texts for every field.

  /// Appends a field whose value `write` produces.
  @inline(__always)
  mutating func append(_ field: JournalField, writing write: (inout RecordBytes) -> Void) {
    append(field, about: ()) { _, bytes in write(&bytes) }
  }

  @inline(__always)
  private mutating func append<Subject>(
    _ field: JournalField, about subject: Subject,
    writing write: (Subject, inout RecordBytes) -> Void
  ) {
    guard isNeeded(field) else { return }
    let start = bytes.count
    if form == .named {
      bytes.append(text: field.rawValue)
      bytes.append(UInt8(ascii: "="))
    }
    write(subject, &bytes)
    fields.append(start..<bytes.count)
    names.append(field)
  }

  /// Appends a number in decimal; nothing if it is unknown.
  mutating func append(_ field: JournalField, _ number: UInt64?) {
    guard let number else { return }
    append(field) { $0.append(decimal: number) }
  }

  /// Appends a word of our own vocabulary, which needs no escaping.
  @inline(__always)
  mutating func append(_ field: JournalField, word: @autoclosure () -> String) {
    append(field) { $0.append(text: word()) }
  }

  /// Appends text that others chose, capped and escaped; nothing if it is empty.
  @inline(__always)
  mutating func append(
    _ field: JournalField, text: @autoclosure () -> String,
    limit: Int = EscapedText.maximumByteCount
  ) {
    guard isNeeded(field) else { return }
    let text = text()
    if text.isEmpty { return }
    append(field) { $0.append(escaping: text, limit: limit) }
  }

  /// Where the value at an index of `names` is in `bytes`.
  func value(at index: Int) -> Range<Int> {
    let field = fields[index]
    if form != .named { return field }
    return (field.lowerBound + names[index].rawValue.utf8.count + 1)..<field.upperBound
  }
}
