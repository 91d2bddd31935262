// A sink that tests hold in their hands: it can be shut, made to fail, and asked what it has.

import Glibc
import Synchronization
import Systemd

@testable import RelayDaemon

/// Keeps what it is given; all copies share one memory.
final class RecordingSink: RecordSink {
  private struct State {
    var entries: [[String: String]] = []
    var failuresLeft = 0
    var attemptCount = 0
  }

  private let state = Mutex(State())
  /// Raised by the test to let one write through; nil lets everything through.
  private let gate: Wakeup
  private let arrival: Wakeup
  private let isGated: Atomic<Bool>
  private let keepsEntries: Bool

  init(isGated: Bool = false, keepsEntries: Bool = true) throws {
    gate = try Wakeup()
    arrival = try Wakeup()
    self.isGated = Atomic(isGated)
    self.keepsEntries = keepsEntries
  }

  var entries: [[String: String]] { state.withLock { $0.entries } }
  var attemptCount: Int { state.withLock { $0.attemptCount } }

  /// How many writes are to fail from now on.
  func fail(count: Int) { state.withLock { $0.failuresLeft = count } }

  /// Returns once the writer is inside a write.
  func awaitArrival() { arrival.wait() }

  /// Lets the write that waits, and all later ones, through.
  func open() {
    isGated.store(false, ordering: .sequentiallyConsistent)
    gate.raise()
  }

  func write(_ entry: JournalEntry) throws(SystemdError) {
    if isGated.load(ordering: .sequentiallyConsistent) {
      arrival.raise()
      gate.wait()
    }
    let isRefused = state.withLock { state in
      state.attemptCount += 1
      if state.failuresLeft > 0 {
        state.failuresLeft -= 1
        return true
      }
      if keepsEntries { state.entries.append(entry.dictionary) }
      return false
    }
    if isRefused { throw SystemdError(call: "write", errorNumber: ENOENT) }
  }
}
