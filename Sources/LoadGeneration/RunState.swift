// What the threads of a run and its conductor know of each other: the stage in one direction,
// counts in the other. One writer each, no locks while the load runs.

import CLinux
import Glibc
import RelayEngine
import Synchronization

/// Where a run is; only ever goes forward.
enum Stage: UInt8, Comparable, AtomicRepresentable {
  /// Connections are being opened.
  case opening
  /// The load runs, nothing is measured yet.
  case warmup
  case measuring
  /// Nothing new is sent; what is under way may come.
  case draining
  /// As before; as no thread sends any more, each knows of all that is to come to it.
  case settling
  /// Connections are being closed.
  case closing

  static func < (a: Stage, b: Stage) -> Bool { a.rawValue < b.rawValue }
}

/// The stage of a run, and its threads.
final class RunState: Sendable {
  private let current = Atomic(Stage.opening)
  let threads: [ThreadState]

  init(threadCount: Int) throws(SystemCallError) {
    var threads: [ThreadState] = []
    for _ in 0..<threadCount { threads.append(try ThreadState()) }
    self.threads = threads
  }

  /// The counts of all threads.
  var counts: RunCounts {
    threads.reduce(into: RunCounts(stage: .closing)) { sum, thread in
      let counts = thread.counts
      sum.stage = min(sum.stage, counts.stage)
      sum.open += counts.open
      sum.messages += counts.messages
      sum.payloadBytes += counts.payloadBytes
      sum.unanswered += counts.unanswered
      sum.faults += counts.faults
    }
  }

  var stage: Stage { current.load(ordering: .acquiring) }

  /// Moves all threads to another stage.
  func enter(_ stage: Stage) {
    current.store(stage, ordering: .releasing)
    for thread in threads { thread.wake() }
  }
}

/// What one thread tells while it runs, and leaves at its end.
final class ThreadState: Sendable {
  /// An eventfd that wakes the thread.
  let bell: Int32
  private let stage = Atomic(Stage.opening)
  private let open = Atomic(0)
  private let messages = Atomic(0)
  private let payloadBytes = Atomic(0)
  private let unanswered = Atomic(0)
  private let faults = Atomic(0)
  let result = Mutex(ThreadResult?.none)

  init() throws(SystemCallError) {
    bell = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    if bell < 0 { throw SystemCallError("eventfd", errno: errno, subject: "load thread") }
  }

  deinit { close(bell) }

  func wake() { eventfd_write(bell, 1) }

  /// The latest counts; written by the thread itself, once a turn. They are those of their stage,
  /// or later ones.
  var counts: RunCounts {
    get {
      RunCounts(
        stage: stage.load(ordering: .acquiring), open: open.load(ordering: .relaxed),
        messages: messages.load(ordering: .relaxed),
        payloadBytes: payloadBytes.load(ordering: .relaxed),
        unanswered: unanswered.load(ordering: .relaxed), faults: faults.load(ordering: .relaxed))
    }
    set {
      open.store(newValue.open, ordering: .relaxed)
      messages.store(newValue.messages, ordering: .relaxed)
      payloadBytes.store(newValue.payloadBytes, ordering: .relaxed)
      unanswered.store(newValue.unanswered, ordering: .relaxed)
      faults.store(newValue.faults, ordering: .relaxed)
      stage.store(newValue.stage, ordering: .releasing)
    }
  }
}

/// How far a thread, or the whole run, is.
struct RunCounts: Sendable {
  /// What has been entered, by all of them if it is several threads.
  var stage = Stage.opening
  /// Connections past their opening handshake.
  var open = 0
  var messages = 0
  var payloadBytes = 0
  /// Messages that were sent and have not come yet.
  var unanswered = 0
  var faults = 0
}

/// What a thread has found.
struct ThreadResult: Sendable {
  /// Of messages, or of whole connections in `churn`, while it was measured.
  var latencies = LatencyHistogram()
  /// From the first SYN to the 101.
  var openings = LatencyHistogram()
  var faults = Faults()
}
