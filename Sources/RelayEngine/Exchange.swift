// What the workers of one engine know of each other: their mailboxes and how many connections each
// has.

import RelayCore
import Synchronization

/// The mailboxes and loads of all workers.
final class Exchange: Sendable {
  let mailboxes: [Mailbox]
  private let loads: [Load]

  private final class Load: Sendable {
    let connectionCount = Atomic<Int>(0)
  }

  init(workerCount: Int) throws(SystemCallError) {
    var mailboxes: [Mailbox] = []
    for _ in 0..<workerCount { mailboxes.append(try Mailbox()) }
    self.mailboxes = mailboxes
    loads = mailboxes.map { _ in Load() }
  }

  var workerCount: Int { mailboxes.count }

  /// Chooses the worker for a new connection, the one with the fewest, and counts it there. The
  /// accepting worker keeps it where it has no more than any other: that saves the hand-over.
  func place(acceptedBy worker: Int) -> Int {
    var chosen = worker
    var least = loads[worker].connectionCount.load(ordering: .relaxed)
    for (index, load) in loads.enumerated() {
      let count = load.connectionCount.load(ordering: .relaxed)
      if count < least {
        least = count
        chosen = index
      }
    }
    loads[chosen].connectionCount.add(1, ordering: .relaxed)
    return chosen
  }

  /// A worker keeps a connection for which another was chosen.
  func keep(_ worker: Int) { loads[worker].connectionCount.add(1, ordering: .relaxed) }

  /// No more connections are placed with a worker: it ends.
  func retire(_ worker: Int) {
    loads[worker].connectionCount.store(Self.retired, ordering: .relaxed)
  }

  /// More connections than any worker can have.
  private static let retired = Int.max / 2

  /// Connections placed with a worker that have not ended.
  func connectionCount(of worker: Int) -> Int {
    loads[worker].connectionCount.load(ordering: .relaxed)
  }

  /// A connection of a worker ended.
  func left(_ worker: Int) { loads[worker].connectionCount.subtract(1, ordering: .relaxed) }

  /// Hands a batch to all workers but the one it is from: one copy for all.
  func publish(_ batch: ChannelBatch, on channel: String, from worker: Int) {
    let shared = SharedBatch(copying: batch, channel: channel)
    for (index, mailbox) in mailboxes.enumerated() where index != worker {
      mailbox.post(.batch(shared))
    }
  }

  /// Whether some other worker is so far behind that this one should publish no more for now.
  func isAnotherOverfull(than worker: Int) -> Bool {
    mailboxes.indices.contains { $0 != worker && mailboxes[$0].isOverfull }
  }
}

/// A question to all workers for their counters; the last to answer completes it.
final class CounterRequest: Sendable {
  private struct State {
    var missing: Int
    var sum = ShardCounters()
  }

  private let state: Mutex<State>
  private let completion: @Sendable (ShardCounters) -> Void

  init(workerCount: Int, completion: @escaping @Sendable (ShardCounters) -> Void) {
    state = Mutex(State(missing: workerCount))
    self.completion = completion
  }

  func answer(_ counters: ShardCounters) {
    let finished = state.withLock { state -> ShardCounters? in
      state.sum.add(counters)
      state.missing -= 1
      return state.missing == 0 ? state.sum : nil
    }
    if let finished { completion(finished) }
  }
}
