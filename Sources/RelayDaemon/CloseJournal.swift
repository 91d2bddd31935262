// The journal of closes: the one place in wsrelay that logs.
//
// `record` and the three words for daemon messages only append to a bounded queue; one thread
// writes (CloseJournalWriter). So a journald that has stopped costs a worker nothing, and for every
// record asked for there is one written, or one counted in a `gap` record.

import RelayConfiguration
import RelayCore
import Synchronization
import Systemd

/// Writes down what becomes of every connection, and what the daemon has to say.
package final class CloseJournal: Sendable {
  /// What became of the records so far.
  package struct Counts: Sendable, Equatable {
    /// Records asked for.
    package var recorded = 0
    /// Records that the journal or standard error has taken, gap records not among them.
    package var written = 0
    /// Records that found the queue full or the sink failing.
    package var lost = 0
    /// Records that wait to be written.
    package var pending: Int { recorded - written - lost }
    /// Gap records written, each of which sums losses up.
    package var gaps = 0
    /// Lost records that the written gap records count.
    package var told = 0
    /// Records that nobody will hear of, were the journal to end now.
    var untold: Int { recorded - written - told }
  }

  /// Records that may wait for the writer unless told otherwise.
  package static let defaultCapacity = 100_000

  private let state: CloseJournalState
  /// nil once the thread has been joined or left to itself.
  private let thread: Mutex<NamedThread?>

  /// Starts the writer thread; `log` says where records go and what they may show.
  ///
  /// Throws where the system refuses an eventfd or a thread.
  package convenience init(
    log: Configuration.Log, capacity: Int = CloseJournal.defaultCapacity
  ) throws(SystemdError) {
    let details = log.includesPeerDetails
    switch RecordTarget.resolve(log) {
    case .journal:
      try self.init(sink: JournalSink(), includesPeerDetails: details, capacity: capacity)
    case .standardError(let layout):
      try self.init(
        sink: StandardErrorSink(layout: layout), includesPeerDetails: details, capacity: capacity)
    }
  }

  /// `sink` is made by the thread that uses it.
  init<Sink: RecordSink & ~Copyable>(
    sink: @autoclosure @escaping @Sendable () -> Sink, includesPeerDetails: Bool = true,
    capacity: Int = defaultCapacity, patience: SinkPatience = SinkPatience()
  ) throws(SystemdError) {
    let state = try CloseJournalState(capacity: capacity, includesPeerDetails: includesPeerDetails)
    self.state = state
    thread = Mutex(
      try NamedThread(named: "wsrelay-journal") {
        var writer = CloseJournalWriter(state: state, sink: sink(), patience: patience)
        writer.run()
        state.finished.raise()
      })
  }

  deinit { close(deadline: .zero) }

  /// Notes what a shard reports. Never waits for I/O; any thread may call it.
  ///
  /// Inlined down to the queue: a record has four hundred bytes, which each call would copy.
  @inline(__always)
  package func record(_ event: ConnectionEvent) {
    append(.connection(event))
  }

  /// Notes a step in the daemon's own life.
  package func report(_ report: DaemonReport) { append(.report(report)) }

  /// Notes something normal that an operator may want to know.
  package func notice(_ message: String) { report(DaemonReport(message: message)) }

  /// Notes something that works, but not as it should.
  package func warning(_ message: String) {
    report(DaemonReport(priority: .warning, message: message))
  }

  /// Notes something that does not work.
  package func error(_ message: String) {
    report(DaemonReport(priority: .error, message: message))
  }

  /// Whether records show origin, user agent and query strings; a reload may change it.
  package var includesPeerDetails: Bool {
    get { state.includesPeerDetails.load(ordering: .relaxed) }
    set { state.includesPeerDetails.store(newValue, ordering: .relaxed) }
  }

  /// What became of the records so far; written and lost may lag behind by the records in hand.
  package var counts: Counts {
    state.queue.withLock { queue in
      Counts(
        recorded: queue.recordedCount, written: state.writtenCount.load(ordering: .acquiring),
        lost: queue.droppedCount + state.failedCount.load(ordering: .acquiring),
        gaps: state.gapCount.load(ordering: .acquiring),
        told: state.toldCount.load(ordering: .acquiring))
    }
  }

  /// Whether the writer has got nowhere since the last call, though it was woken and does not wait
  /// for the journal: then it is stuck, by a fault of ours.
  ///
  /// For one caller, which asks at intervals that give the writer time to wake up.
  package func hasStalled() -> Bool {
    let progress =
      state.turnCount.load(ordering: .relaxed) + state.writtenCount.load(ordering: .relaxed)
      + state.failedCount.load(ordering: .relaxed)
    let before = state.lastSeenProgress.exchange(progress, ordering: .relaxed)
    state.wakeup.raise()
    return progress == before && !state.isDelivering.load(ordering: .relaxed)
  }

  /// Writes down what is queued and ends the thread, but waits no longer than `deadline` for it.
  ///
  /// Records that are asked for afterwards count as lost. What `pending` counts in the result was
  /// not written when the deadline passed. What no record tells of is said on standard error.
  /// Further calls do nothing.
  @discardableResult
  package func close(deadline: Duration) -> Counts {
    guard let thread = self.thread.withLock({ $0.take() }) else { return counts }
    state.queue.withLock { $0.isClosing = true }
    state.wakeup.raise()
    if state.finished.wait(timeout: deadline) {
      thread.join()
    } else {
      // Blocked in the sink, it cannot be ended; it ends by itself before its next record.
      state.isAbandoned.store(true, ordering: .relaxed)
      thread.detach()
    }
    let counts = self.counts
    if counts.untold > 0 {
      StandardError.write("wsrelay: warning: \(counts.untold) records could not be written\n")
    }
    return counts
  }

  @inline(__always)
  private func append(_ content: PendingRecord.Content) {
    let record = PendingRecord(time: CloseJournalState.realtimeMicroseconds, content: content)
    let wakes = state.queue.withLock { queue in
      queue.append(record, inHandCount: state.inHandCount.load(ordering: .relaxed))
    }
    if wakes { state.wakeup.raise() }
  }
}
