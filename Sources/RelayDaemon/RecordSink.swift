// Where records go: the journal, or standard error as lines of text or JSON. A sink may block; it
// is used by the writer thread alone.

import Glibc
import RelayConfiguration
import Systemd

/// Something that takes one record after another and says when it could not.
protocol RecordSink: Sendable {
  /// Writes one record, or throws if nobody has it.
  mutating func write(_ entry: JournalEntry) throws(SystemdError)
  /// The entries it is given, empty: with the fields it has a use for.
  func makeEntry() -> JournalEntry
}

extension RecordSink {
  func makeEntry() -> JournalEntry { JournalEntry() }
}

/// Sends each record to journald as one structured entry.
struct JournalSink: RecordSink {
  mutating func write(_ entry: JournalEntry) throws(SystemdError) {
    try entry.bytes.withUnsafeBytes { (bytes) throws(SystemdError) in
      try Journal.send(UnsafeRawBufferPointer(bytes), fields: entry.fields)
    }
  }
}

/// Where the records of a run of the daemon go.
enum RecordTarget: Equatable, Sendable {
  case journal
  case standardError(StandardErrorLayout)

  /// Decides by the configuration and by what standard error is.
  ///
  /// `auto` means the journal only where standard error is itself the journal's stream, as in a
  /// service: somebody who started wsrelay on a terminal, in a container or with `2> file` looks
  /// at standard error, and would look in vain if records went to a journal that happens to run.
  static func resolve(
    _ log: Configuration.Log, standardErrorIsJournal: Bool = Journal.isConnected(),
    journalIsAvailable: Bool = Journal.isAvailable
  ) -> RecordTarget {
    let usesJournal =
      switch log.target {
      case .journal: true
      case .stderr: false
      case .auto: standardErrorIsJournal && journalIsAvailable
      }
    if usesJournal { return .journal }
    return .standardError(
      StandardErrorLayout(format: log.format, isJournalStream: standardErrorIsJournal))
  }

  /// The sink for this target.
  func makeSink() -> any RecordSink {
    switch self {
    case .journal: JournalSink()
    case .standardError(let layout): StandardErrorSink(layout: layout)
    }
  }
}
