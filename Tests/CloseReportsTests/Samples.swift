// Entries that the tests of reports start from, as values and as an export.

import CloseEvents
import RelayTestSupport

@testable import CloseReports

/// The time at which the samples begin: 2026-11-24 10:00:00 UTC.
let sampleStart: UInt64 = 1_795_514_400_000_000
let second: UInt64 = 1_000_000

extension CloseEntry {
  /// A reset connection that lived 3m12s, `after` seconds into the samples.
  static func sample(
    after seconds: UInt64 = 0, cause: String = "peer-reset", code: UInt16? = 1006,
    isClean: Bool = false, _ change: (inout CloseEntry) -> Void = { _ in }
  ) -> CloseEntry {
    var entry = CloseEntry()
    entry.time = sampleStart + seconds * second
    entry.cause = cause
    entry.closeCode = code
    entry.isClean = isClean
    entry.phase = "open"
    entry.route = "/chat/{room}"
    entry.peer = "192.0.2.7"
    entry.lifetime = 192 * second
    entry.idle = 41 * second
    change(&entry)
    return entry
  }
}

extension CloseTally {
  /// The tally of these closes.
  static func of(
    _ entries: some Sequence<CloseEntry>, by grouping: CloseGrouping = .cause,
    span: TimeSpan = TimeSpan(since: sampleStart, until: sampleStart + 3600 * second)
  ) -> CloseTally {
    var tally = CloseTally(by: grouping, span: span, clock: .utc)
    for entry in entries { tally.add(entry) }
    return tally
  }
}

extension EntryFields {
  /// All fields that wsrelay knows, with these values.
  static func of(_ fields: KeyValuePairs<JournalField, String>) -> EntryFields {
    var all = EntryFields(wanted: JournalField.ofConnections)
    all.time = sampleStart
    for (field, value) in fields { all.take(field.rawValue, value.utf8) }
    return all
  }
}

extension ExportText {
  /// An hour of a small relay: 60 clean closes, 30 that a proxy cut at 60 s, a few others, a gap,
  /// and entries that are none of wsrelay's closes.
  static var hour: ExportText {
    var text = ExportText()
    for number in 0..<120 {
      let time = sampleStart + UInt64(number) * 30 * second
      text.append(time: time - 1, ["MESSAGE": "of somebody else", "PRIORITY": "6"])
      switch number % 4 {
      case 0, 1: text.close(time, "peer-close", 1000, "yes", lifetime: 30 + UInt64(number) * 7)
      case 2: text.close(time, "peer-fin", 1006, "no", lifetime: 60, route: "/echo")
      default:
        text.close(
          time, number % 8 == 3 ? "idle-timeout" : "pong-timeout", number % 8 == 3 ? 1001 : 1011,
          "no", lifetime: 600)
      }
    }
    text.append(
      time: sampleStart + 1800 * second,
      [
        "MESSAGE": "lost 130 records", "WSRELAY_EVENT": "gap", "WSRELAY_LOST": "130",
        "WSRELAY_LOST_BY_CAUSE": "peer-reset=100 drain=23 reject=7",
      ])
    return text
  }

  /// Appends the record of a close; times in seconds but for `time`.
  mutating func close(
    _ time: UInt64, _ cause: String, _ code: UInt16, _ clean: String, lifetime: UInt64,
    route: String = "/chat/{room}"
  ) {
    append(
      time: time,
      [
        "MESSAGE": "closed \(code) \(cause) \(route)", "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": "wsrelay", "WSRELAY_EVENT": "close",
        "WSRELAY_CONNECTION_ID": "0000000000001004", "WSRELAY_CLOSE_CODE": "\(code)",
        "WSRELAY_CLEAN": clean, "WSRELAY_CAUSE": cause, "WSRELAY_PHASE": "open",
        "WSRELAY_ROUTE": route, "WSRELAY_PEER": "2001:db8:0:\(time / second % 7)::1",
        "WSRELAY_PEER_PORT": "51234", "WSRELAY_DURATION_USEC": "\(lifetime * second)",
        "WSRELAY_IDLE_USEC": "\(lifetime * second)", "WSRELAY_UNSENT_BYTES": "0",
      ])
  }
}
