// What the threads of a broadcast tell each other: how many messages each publisher has sent, and
// how many have reached all receivers of a thread. Each count has one writer.

import Synchronization

/// The state of all publishers.
final class BroadcastBoard: Sendable {
  /// How many messages apart two receivers may be in an open loop.
  static let openRing = 1 << 16

  private let publishers: ThreadState
  private let sent: [Count]
  /// By thread and publisher.
  private let completed: [[Count]]

  private final class Count: Sendable {
    let value = Atomic(0)
  }

  init(_ plan: LoadPlan, publishers: ThreadState) {
    self.publishers = publishers
    func counts() -> [Count] { (0..<plan.publisherCount).map { _ in Count() } }
    sent = counts()
    completed = (0..<plan.threadCount).map { _ in counts() }
  }

  /// Notes how many messages a publisher has sent, or should have by now.
  func sent(_ count: Int, by publisher: Int) {
    sent[publisher].value.store(count, ordering: .relaxed)
  }

  func sentCount(_ publisher: Int) -> Int { sent[publisher].value.load(ordering: .relaxed) }

  /// Notes how many messages of a publisher have reached everybody on a thread.
  func complete(_ count: Int, of publisher: Int, on thread: Int) {
    completed[thread][publisher].value.store(count, ordering: .relaxed)
  }

  /// How many messages of a publisher have reached everybody.
  func completedCount(_ publisher: Int) -> Int {
    var least = Int.max
    for thread in completed { least = min(least, thread[publisher].value.load(ordering: .relaxed)) }
    return least
  }

  /// Has the publishers' thread look at what has changed.
  func wakePublishers() { publishers.wake() }
}
