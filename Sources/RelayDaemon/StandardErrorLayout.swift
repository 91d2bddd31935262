// Records on standard error, for where there is no journal: one line each, to be read or parsed.
//
// Text: the time, MESSAGE, and the evidence that MESSAGE leaves out, as `name=value`. JSON: one
// object with the journal's field names and text values, as `journalctl -o json` has them, so that
// what reads the one reads the other.

import CloseEvents
import RelayConfiguration

/// What a record looks like on standard error.
struct StandardErrorLayout: Equatable, Sendable {
  var format: Configuration.Log.Format
  /// Standard error leads into the journal, which takes a line's priority from a `<N>` in front and
  /// knows the time itself. Anywhere else the prefix would be noise, and the time would be missing.
  var isJournalStream: Bool
}

// What comes before, between and after the values of the fields of a line. Values hold no control
// characters and are UTF-8: `EscapedText` saw to that.
extension StandardErrorLayout {
  /// Begins a line of something that happened so many microseconds after 1970 began.
  func begin(
    priority: RecordPriority, time: Int64, times: inout TimeStampText, in line: inout RecordBytes
  ) {
    if isJournalStream { line.append(text: "<\(priority.rawValue)>") }
    switch format {
    case .json: line.append(text: "{\"__REALTIME_TIMESTAMP\":\"\(time)\"")
    case .text:
      if !isJournalStream {
        times.append(time, to: &line)
        line.append(UInt8(ascii: " "))
      }
      if priority.rawValue <= RecordPriority.warning.rawValue {
        line.append(literal: priority == .error ? "error: " : "warning: ")
      }
    }
  }

  /// Completes a line but for its line break.
  func end(in line: inout RecordBytes) {
    if format == .json { line.append(UInt8(ascii: "}")) }
  }
}

extension RecordBytes {
  /// Appends what a line of JSON has in front of the value of a field.
  mutating func beginMember(_ field: JournalField) {
    append(literal: ",\"")
    append(text: field.rawValue)
    append(literal: "\":\"")
  }

  /// Completes a value in JSON, which begins at `start`.
  mutating func endMember(from start: Int) {
    withUnsafeBytes(in: start..<count) { value in
      precondition(value.allSatisfy { $0 >= 0x20 }, "a control character got into a record")
    }
    insertBackslashes(from: start) { $0 == Self.quote || $0 == UInt8(ascii: "\\") }
    append(Self.quote)
  }

  /// Puts evidence, which begins at `start`, in quotation marks where without them it would not be
  /// seen as one value. Its backslashes stand for themselves, as everywhere else in a line of text.
  mutating func endEvidence(from start: Int) {
    let isWord = withUnsafeBytes(in: start..<count) { value in
      !value.contains { $0 == UInt8(ascii: " ") || $0 == Self.quote }
    }
    if isWord { return }
    insertBackslashes(from: start) { $0 == Self.quote }
    insert(Self.quote, at: start)
    append(Self.quote)
  }

  private static var quote: UInt8 { UInt8(ascii: "\"") }

  /// Puts a backslash in front of each byte at or behind `start` that `isQuoted` (RFC 8259 §7).
  private mutating func insertBackslashes(from start: Int, where isQuoted: (UInt8) -> Bool) {
    let value = withUnsafeBytes(in: start..<count) { $0.contains(where: isQuoted) ? Array($0) : [] }
    if value.isEmpty { return }
    removeAll(behind: start)
    for byte in value {
      if isQuoted(byte) { append(UInt8(ascii: "\\")) }
      append(byte)
    }
  }

  private mutating func insert(_ byte: UInt8, at start: Int) {
    let rest = withUnsafeBytes(in: start..<count) { Array($0) }
    removeAll(behind: start)
    append(byte)
    rest.withUnsafeBufferPointer { append($0) }
  }
}

extension JournalField {
  /// What a line of text has in front of the evidence in a field; nil for what it leaves out or has
  /// in MESSAGE. The first evidence of any record is the connection's number.
  @inline(__always)
  var evidenceName: StaticString? {
    switch self {
    case .connectionID: "; id="
    case .codeSent: " sent="
    case .codeReceived: " received="
    case .reasonSent: " reason-sent="
    case .reasonReceived: " reason-received="
    case .initiator: " initiator="
    case .layer: " layer="
    case .causeDetail: " detail="
    case .phase: " phase="
    case .errorName: " errno="
    case .via: " via="
    case .origin: " origin="
    default: nil
    }
  }

  /// Whether a field makes a difference to a line of text.
  @inline(__always)
  var isInText: Bool {
    switch self {
    case .message: true
    default: evidenceName != nil
    }
  }
}
