// How tests read an entry: as names and values, or as a line.

@testable import CloseEvents
@testable import RelayCore
@testable import RelayDaemon

extension JournalEntry {
  /// Every field by its name; a name that occurs twice is a fault of the record.
  var dictionary: [String: String] {
    let pairs = fields.map { field in
      let text = bytes.withUnsafeBytes(in: field) { String(decoding: $0, as: UTF8.self) }
      let separator = text.firstIndex(of: "=") ?? text.endIndex
      return (String(text[..<separator]), String(text[separator...].dropFirst()))
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  /// The line on standard error, without its line break.
  var line: String { bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

  static func of(
    _ closed: ClosedConnection, details: Bool = true, _ layout: StandardErrorLayout? = nil
  ) -> JournalEntry {
    of(.closed(closed), details: details, layout)
  }

  static func of(
    _ event: ConnectionEvent, details: Bool = true, _ layout: StandardErrorLayout? = nil
  ) -> JournalEntry {
    var entry = JournalEntry(layout)
    entry.fill(with: event, time: sampleTime, includesPeerDetails: details)
    entry.end()
    return entry
  }

  static func of(_ report: DaemonReport, _ layout: StandardErrorLayout? = nil) -> JournalEntry {
    var entry = JournalEntry(layout)
    entry.fill(with: report, time: 0)
    entry.end()
    return entry
  }

  /// 2026-03-01T09:08:07.000042Z.
  static let sampleTime: Int64 = 1_772_356_087_000_042
}

extension StandardErrorLayout {
  static let text = StandardErrorLayout(format: .text, isJournalStream: false)
  static let json = StandardErrorLayout(format: .json, isJournalStream: false)
}
