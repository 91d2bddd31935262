// One record, ready to be sent: to journald as fields, or to standard error as a line. The writer
// thread fills one entry over and over, so that its memory is allocated once. MESSAGE is always the
// first field. Text goes through `EscapedText`, without exception.

import CloseEvents
import RelayCore

/// An ordered list of the fields of one record.
struct JournalEntry: ~Copyable {
  /// The fields one behind the other, as `NAME=value`; or the line, without its line break.
  private(set) var bytes = RecordBytes()
  /// Where in `bytes` each field is; of a line, nothing.
  private(set) var fields: [Range<Int>] = []
  /// nil for fields.
  private let layout: StandardErrorLayout?
  private var times = TimeStampText()

  private enum Form {
    case fields
    case json
    /// Fields that make no difference to a line of text are neither appended nor made.
    case text
  }

  /// An entry of fields, or one that is a line of this layout.
  init(_ layout: StandardErrorLayout? = nil) { self.layout = layout }

  @inline(__always)
  private var form: Form {
    switch layout?.format {
    case nil: .fields
    case .json: .json
    case .text: .text
    }
  }

  /// Empties the entry and begins another with the fields that every record has; `time` is when it
  /// happened, in microseconds since 1970. The text of MESSAGE is about `subject`, which a closure
  /// would copy.
  mutating func begin<Subject>(
    event: RecordEvent?, messageID: String?, priority: RecordPriority, time: Int64,
    about subject: Subject, message: (Subject, inout RecordBytes) -> Void
  ) {
    bytes.removeAll()
    fields.removeAll(keepingCapacity: true)
    layout?.begin(priority: priority, time: time, times: &times, in: &bytes)
    append(.message, about: subject, isOurs: false, writing: message)
    append(.priority, UInt64(priority.rawValue))
    append(.identifier, word: "wsrelay")
    if let messageID { append(.messageID, word: messageID) }
    if let event { append(.event, word: event.rawValue) }
  }

  /// Completes a record that has all its fields.
  mutating func end() { layout?.end(in: &bytes) }

  /// Whether there is a use for a field: what is left out need not be made.
  @inline(__always)
  func isNeeded(_ field: JournalField) -> Bool { form != .text || field.isInText }

  // All of these are inlined: for most fields of a line of text nothing is left of them.

  /// Appends a number in decimal; nothing if it is unknown.
  @inline(__always)
  mutating func append(_ field: JournalField, _ number: UInt64?) {
    guard let number else { return }
    append(field, about: number) { $1.append(decimal: $0) }
  }

  /// Appends a word of our own vocabulary, which needs no escaping.
  @inline(__always)
  mutating func append(_ field: JournalField, word: String) {
    append(field, about: word) { $1.append(text: $0) }
  }

  /// Appends text that others chose, capped and escaped; nothing if it is empty.
  @inline(__always)
  mutating func append(
    _ field: JournalField, text: String, limit: Int = EscapedText.maximumByteCount
  ) {
    if isNeeded(field) && !text.isEmpty { appendEscaped(field, text, limit: limit) }
  }

  @inline(never)
  private mutating func appendEscaped(_ field: JournalField, _ text: String, limit: Int) {
    append(field, about: text, isOurs: false) { $1.append(escaping: $0, limit: limit) }
  }

  /// Appends a field whose value `write` makes of `subject`; it `isOurs` if it is of digits or
  /// words of our own.
  @inline(__always)
  mutating func append<Subject>(
    _ field: JournalField, about subject: Subject, isOurs: Bool = true,
    writing write: (Subject, inout RecordBytes) -> Void
  ) {
    guard isNeeded(field) else { return }
    let start = beginField(field)
    write(subject, &bytes)
    endField(field, from: start, isOurs: isOurs)
  }

  /// Returns where the field, or its value in a line, begins.
  @inline(__always)
  private mutating func beginField(_ field: JournalField) -> Int {
    if form != .text { return beginNamedField(field) }
    if let name = field.evidenceName { bytes.append(literal: name) }
    return bytes.count
  }

  @inline(__always)
  private mutating func endField(_ field: JournalField, from start: Int, isOurs: Bool) {
    if form != .text { return endNamedField(from: start) }
    if !isOurs && field.evidenceName != nil { bytes.endEvidence(from: start) }
  }

  @inline(never)
  private mutating func beginNamedField(_ field: JournalField) -> Int {
    if form == .json {
      bytes.beginMember(field)
      return bytes.count
    }
    let start = bytes.count
    bytes.append(text: field.rawValue)
    bytes.append(UInt8(ascii: "="))
    return start
  }

  @inline(never)
  private mutating func endNamedField(from start: Int) {
    if form == .json { return bytes.endMember(from: start) }
    fields.append(start..<bytes.count)
  }
}
