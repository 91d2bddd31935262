// Where records go: the journal, or standard error as lines of text or JSON. A sink may block; it
// is used by the writer thread alone.

import Glibc
import RelayConfiguration
import Systemd

/// Something that takes records, one after the other, and says what it could not send on. The
/// writer thread makes its sink and has it alone.
protocol RecordSink: ~Copyable, SendableMetatype {
  /// Takes a record, to be sent on behind those that wait; the entry may come back as another one,
  /// to be filled again.
  mutating func take(_ entry: inout JournalEntry)
  /// Whether those that wait are to be sent on before another is taken.
  var isFull: Bool { get }
  /// Sends on what waits, in order; what it throws at goes on waiting, with all behind it.
  mutating func send() throws(SystemdError)
  /// Gives up what waits, and returns how many records that is: the last ones taken.
  mutating func discard() -> Int
  /// An entry of the form that it takes, to be filled.
  func makeEntry() -> JournalEntry
}

extension RecordSink where Self: ~Copyable {
  func makeEntry() -> JournalEntry { JournalEntry() }
}

/// Sends each record to journald as one structured entry.
struct JournalSink: RecordSink, ~Copyable {
  private var entry = JournalEntry()
  private(set) var isFull = false

  mutating func take(_ entry: inout JournalEntry) {
    swap(&entry, &self.entry)
    isFull = true
  }

  mutating func send() throws(SystemdError) {
    guard isFull else { return }
    try entry.bytes.withUnsafeBytes { (bytes) throws(SystemdError) in
      try Journal.send(UnsafeRawBufferPointer(bytes), fields: entry.fields)
    }
    isFull = false
  }

  mutating func discard() -> Int {
    defer { isFull = false }
    return isFull ? 1 : 0
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
}
