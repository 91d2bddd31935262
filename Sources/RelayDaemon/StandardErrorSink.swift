// Records on standard error, for where there is no journal: one line each, to be read or parsed.
//
// Text: the time, MESSAGE, and the evidence that MESSAGE leaves out, as `name=value`. JSON: one
// object with the journal's field names and text values, as `journalctl -o json` has them, so that
// what reads the one reads the other.

import CloseEvents
import Glibc
import RelayConfiguration
import Systemd

/// What a record looks like on standard error.
struct StandardErrorLayout: Equatable, Sendable {
  var format: Configuration.Log.Format
  /// Standard error leads into the journal, which takes a line's priority from a `<N>` in front and
  /// knows the time itself. Anywhere else the prefix would be noise, and the time would be missing.
  var isJournalStream: Bool
}

/// Writes each record as one line to a descriptor; those that come together are written together.
struct StandardErrorSink: RecordSink {
  let layout: StandardErrorLayout
  private let descriptor: Int32
  private var lines = RecordBytes()
  /// Where in `lines` each of them ends.
  private var lineEnds: [Int] = []
  private var writtenLineCount = 0
  private var times = TimeStampText()

  /// Lines that wait, in bytes, before no more are taken.
  private static let capacity = 4 * Int(PIPE_BUF)

  init(layout: StandardErrorLayout, descriptor: Int32 = STDERR_FILENO) {
    self.layout = layout
    self.descriptor = descriptor
  }

  func makeEntry() -> JournalEntry {
    JournalEntry(layout.format == .text ? .line : .values)
  }

  mutating func take(_ entry: inout JournalEntry) {
    layout.append(entry, to: &lines, times: &times)
    lineEnds.append(lines.count)
  }

  var isFull: Bool { lines.count >= Self.capacity }

  /// Writes every line whole, whatever the descriptor takes at a time.
  ///
  /// The daemon ignores SIGPIPE and the writer thread blocks it besides, so a reader that has gone
  /// is EPIPE here, an error like others.
  mutating func send() throws(SystemdError) {
    var start = writtenLineCount == 0 ? 0 : lineEnds[writtenLineCount - 1]
    while writtenLineCount < lineEnds.count {
      let count = lines.withUnsafeBytes(in: start..<endOfPiece(from: start)) { bytes in
        write(descriptor, bytes.baseAddress, bytes.count)
      }
      if count >= 0 {
        start += count
        while writtenLineCount < lineEnds.count && lineEnds[writtenLineCount] <= start {
          writtenLineCount += 1
        }
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // Whoever shares the terminal or pipe made it non-blocking; waiting is this thread's right.
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&request, 1, -1)
      default: throw SystemdError(call: "write", errorNumber: errno)
      }
    }
    _ = discard()
  }

  mutating func discard() -> Int {
    defer {
      lines.removeAll()
      lineEnds.removeAll(keepingCapacity: true)
      writtenLineCount = 0
    }
    return lineEnds.count - writtenLineCount
  }

  /// Up to where to write at once: whole lines, and no more of them than a pipe takes without
  /// mixing them with those of others, as of a daemon that is being replaced.
  private func endOfPiece(from start: Int) -> Int {
    var index = writtenLineCount
    while index + 1 < lineEnds.count && lineEnds[index + 1] - start <= Int(PIPE_BUF) { index += 1 }
    return lineEnds[index]
  }
}

extension JournalField {
  /// What a line calls the evidence in a field; nil for what it leaves out or has in MESSAGE.
  fileprivate var evidenceName: StaticString? {
    switch self {
    case .connectionID: "id"
    case .codeSent: "sent"
    case .codeReceived: "received"
    case .reasonSent: "reason-sent"
    case .reasonReceived: "reason-received"
    case .initiator: "initiator"
    case .layer: "layer"
    case .causeDetail: "detail"
    case .phase: "phase"
    case .errorName: "errno"
    case .via: "via"
    case .origin: "origin"
    default: nil
    }
  }

  /// Whether a field makes a difference to a line of text.
  var isInLine: Bool {
    switch self {
    case .message: true
    default: evidenceName != nil
    }
  }
}

extension StandardErrorLayout {
  /// Appends a record as one line, line break and all.
  func append(
    _ entry: JournalEntry, to line: inout RecordBytes, times: inout TimeStampText
  ) {
    if isJournalStream { line.append(text: "<\(entry.priority.rawValue)>") }
    switch format {
    case .text: appendText(entry, to: &line, times: &times)
    case .json: appendJSON(entry, to: &line)
    }
    line.append(UInt8(ascii: "\n"))
  }

  private func appendText(
    _ entry: JournalEntry, to line: inout RecordBytes, times: inout TimeStampText
  ) {
    if !isJournalStream {
      times.append(entry.time, to: &line)
      line.append(UInt8(ascii: " "))
    }
    if entry.priority.rawValue <= RecordPriority.warning.rawValue {
      line.append(literal: entry.priority == .error ? "error: " : "warning: ")
    }
    var separator: StaticString = "; "
    for (index, field) in entry.names.enumerated() {
      guard field.isInLine else { continue }
      let name = field.evidenceName
      if let name {
        line.append(literal: separator)
        line.append(literal: name)
        line.append(UInt8(ascii: "="))
        separator = " "
      }
      entry.bytes.withUnsafeBytes(in: entry.value(at: index)) { value in
        if name != nil && !Self.isWord(value) {
          Self.appendQuoted(value, to: &line, quotesBackslash: false)
        } else {
          line.append(value)
        }
      }
    }
  }

  /// Whether a value needs no quotation marks to be seen as one.
  private static func isWord(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
    !value.contains { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\"") }
  }

  private func appendJSON(_ entry: JournalEntry, to line: inout RecordBytes) {
    line.append(text: "{\"__REALTIME_TIMESTAMP\":\"\(entry.time)\"")
    for (index, field) in entry.names.enumerated() {
      line.append(literal: ",\"")
      line.append(text: field.rawValue)
      line.append(literal: "\":")
      entry.bytes.withUnsafeBytes(in: entry.value(at: index)) {
        Self.appendQuoted($0, to: &line, quotesBackslash: true)
      }
    }
    line.append(UInt8(ascii: "}"))
  }

  /// Appends a value in quotation marks (RFC 8259 §7). Values hold no control characters and are
  /// UTF-8; in text their backslashes stand for themselves, as everywhere else in the line.
  private static func appendQuoted(
    _ value: UnsafeBufferPointer<UInt8>, to line: inout RecordBytes, quotesBackslash: Bool
  ) {
    let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
    line.append(quote)
    for byte in value {
      precondition(byte >= 0x20, "a control character got into a record")
      if byte == quote || (quotesBackslash && byte == backslash) { line.append(backslash) }
      line.append(byte)
    }
    line.append(quote)
  }
}
