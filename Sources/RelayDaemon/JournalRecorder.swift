// What the engine reports, counted and handed to the journal in force.

import RelayCore
import RelayEngine
import Synchronization

/// How many connections have ended, over all workers and journals.
final class CloseCounts: Sendable {
  struct Counts: Sendable, Equatable {
    var all = 0
    /// With Close frames both ways and an orderly end of TCP.
    var clean = 0

    var abnormal: Int { all - clean }

    static func - (left: Counts, right: Counts) -> Counts {
      Counts(all: left.all - right.all, clean: left.clean - right.clean)
    }
  }

  private let all = Atomic<Int>(0)
  private let clean = Atomic<Int>(0)

  func add(_ closed: ClosedConnection) {
    all.add(1, ordering: .relaxed)
    if closed.isClean { clean.add(1, ordering: .relaxed) }
  }

  var counts: Counts {
    Counts(all: all.load(ordering: .relaxed), clean: clean.load(ordering: .relaxed))
  }
}

/// The engine's recorder; the journal behind it can be replaced.
final class JournalRecorder: ConnectionRecorder {
  let closeCounts = CloseCounts()
  private let current: Mutex<CloseJournal>

  init(_ journal: CloseJournal) { current = Mutex(journal) }

  var journal: CloseJournal { current.withLock { $0 } }

  func replace(with journal: CloseJournal) { current.withLock { $0 = journal } }

  func record(_ event: ConnectionEvent) {
    if case .closed(let closed) = event { closeCounts.add(closed) }
    // Under the lock: a journal that is being replaced must not be closed before it has this.
    current.withLock { $0.record(event) }
  }

  func acceptFailed(_ error: SystemCallError) {
    journal.warning(
      "cannot accept connections: \(error); trying again. Raise LimitNOFILE= or lower "
        + "max_connections")
  }
}
