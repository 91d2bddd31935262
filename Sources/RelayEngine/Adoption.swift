// How the connections that were handed over are shared out among the workers, and the sum of what
// became of them.

import RelayCore
import Synchronization

/// One worker's share of what arrived. It is the first message in its mailbox: what others publish
/// stands behind it, and reaches the members that come with it.
struct AdoptionShare: Sendable {
  var arrival: HandoverArrival
  /// Which of the arrival's connections; every n-th, so that neighbours are not together.
  var indices: StrideTo<Int>
  /// By place in the header: the index of the listener, and what is known of those that are no
  /// more.
  var listenerIndices: [Int]
  var removedPolicies: [ListenerPolicy]
  var report: AdoptionReport
}

/// What became of all connections that were handed over.
package struct AdoptionSummary: Sendable, Equatable {
  package var adoptedCount = 0
  /// Those that were closed: the route is gone, or the state could not be read.
  package var closedCount = 0
  /// For how long nobody was served, in microseconds; 0: the state does not say.
  package var pause: Int64 = 0
  /// The program that wrote the state; empty: it could not be read.
  package var program = ""
  /// Why the state as a whole could not be read; nil: it could.
  package var fault: HandoverFault?

  package init(
    adoptedCount: Int = 0, closedCount: Int = 0, pause: Int64 = 0, program: String = "",
    fault: HandoverFault? = nil
  ) {
    self.adoptedCount = adoptedCount
    self.closedCount = closedCount
    self.pause = pause
    self.program = program
    self.fault = fault
  }
}

/// Gathers the counts of the workers; the last one completes it.
final class AdoptionReport: Sendable {
  private let state: Mutex<(missingCount: Int, summary: AdoptionSummary)>
  private let pausedAt: Instant
  private let completion: @Sendable (AdoptionSummary) -> Void

  init(
    _ arrival: HandoverArrival, workerCount: Int,
    completion: @escaping @Sendable (AdoptionSummary) -> Void
  ) {
    let summary = AdoptionSummary(program: arrival.header.program, fault: arrival.fault)
    state = Mutex((workerCount, summary))
    pausedAt = arrival.header.pausedAt
    self.completion = completion
  }

  /// A worker has taken up its share.
  func add(adopted: Int, closed: Int) {
    let finished = state.withLock { state -> AdoptionSummary? in
      state.summary.adoptedCount += adopted
      state.summary.closedCount += closed
      state.missingCount -= 1
      return state.missingCount == 0 ? state.summary : nil
    }
    guard var summary = finished else { return }
    // The clock is the machine's: the process before read the same one.
    let pause = MonotonicClock.now() - pausedAt
    if pausedAt != .origin && pause >= 0 { summary.pause = pause }
    completion(summary)
  }
}
