// A question to all workers that says nothing but "are you there": who answers takes its mail, and
// so is not stuck.

import Synchronization

/// One round of signs of life.
package final class Probe: Sendable {
  private let missing: Mutex<Set<Int>>
  private let completion: @Sendable () -> Void

  init(workerCount: Int, completion: @escaping @Sendable () -> Void) {
    missing = Mutex(Set(0..<workerCount))
    self.completion = completion
  }

  /// The workers that have not answered yet, by index.
  package var silentWorkers: [Int] { missing.withLock { $0.sorted() } }

  /// A worker is there, or has ended as it should; the last to answer completes the round.
  func answer(_ worker: Int) {
    let isLast = missing.withLock { $0.remove(worker) != nil && $0.isEmpty }
    if isLast { completion() }
  }
}
