// How tests read an entry: as names and values.

@testable import RelayCore
@testable import RelayDaemon

extension JournalEntry {
  /// Every field by its name; a name that occurs twice is a fault of the record.
  var dictionary: [String: String] {
    let pairs = names.indices.map { index in
      (
        names[index].rawValue,
        bytes.withUnsafeBytes(in: value(at: index)) { String(decoding: $0, as: UTF8.self) }
      )
    }
    return Dictionary(uniqueKeysWithValues: pairs)
  }

  static func of(_ closed: ClosedConnection, details: Bool = true) -> JournalEntry {
    of(.closed(closed), details: details)
  }

  static func of(_ event: ConnectionEvent, details: Bool = true) -> JournalEntry {
    var entry = JournalEntry()
    entry.fill(with: event, time: 1_772_356_087_000_042, includesPeerDetails: details)
    return entry
  }

  /// The line on standard error, without its line break.
  func line(_ layout: StandardErrorLayout) -> String {
    var bytes = RecordBytes()
    var times = TimeStampText()
    layout.append(self, to: &bytes, times: &times)
    return bytes.withUnsafeBytes { String(decoding: $0.dropLast(), as: UTF8.self) }
  }
}

extension StandardErrorLayout {
  static let text = StandardErrorLayout(format: .text, isJournalStream: false)
  static let json = StandardErrorLayout(format: .json, isJournalStream: false)
}
