// A sink that tests hold in their hands: it can be shut, made to fail, and asked what it has.

import Glibc
import Synchronization
import Systemd

@testable import RelayDaemon

/// Keeps what it is given; all copies share one memory.
final class RecordingSink: RecordSink, Sendable {
  private struct State {
    var taken: [[String: String]] = []
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
  private let groupSize: Int

  /// `groupSize`: how many records it takes before it is full.
  init(isGated: Bool = false, keepsEntries: Bool = true, groupSize: Int = 1) throws {
    gate = try Wakeup()
    arrival = try Wakeup()
    self.isGated = Atomic(isGated)
    self.keepsEntries = keepsEntries
    self.groupSize = groupSize
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

  func take(_ entry: inout JournalEntry) {
    let taken = keepsEntries ? entry.dictionary : [:]
    state.withLock { $0.taken.append(taken) }
  }

  var isFull: Bool { state.withLock { $0.taken.count } >= groupSize }

  func send() throws(SystemdError) {
    if isGated.load(ordering: .sequentiallyConsistent) {
      arrival.raise()
      gate.wait()
    }
    let isRefused = state.withLock { state in
      state.attemptCount += 1
      if state.failuresLeft > 0 {
        state.failuresLeft -= 1
        // The first of several gets through all the same.
        if state.taken.count > 1 { state.entries.append(state.taken.removeFirst()) }
        return true
      }
      if keepsEntries { state.entries += state.taken }
      state.taken = []
      return false
    }
    if isRefused { throw SystemdError(call: "write", errorNumber: ENOENT) }
  }

  func discard() -> Int {
    state.withLock { state in
      defer { state.taken = [] }
      return state.taken.count
    }
  }
}
