// An operator's wish to end one connection, put to all workers: one of them has it, or none.

import RelayCore
import Synchronization

/// The wish, and what has become of it.
final class KickRequest: Sendable {
  private struct State {
    var missingCount: Int
    var isFound = false
  }

  let connectionID: UInt64
  private let state: Mutex<State>
  private let completion: @Sendable (_ isFound: Bool) -> Void

  init(_ connectionID: UInt64, workerCount: Int, completion: @escaping @Sendable (Bool) -> Void) {
    self.connectionID = connectionID
    state = Mutex(State(missingCount: workerCount))
    self.completion = completion
  }

  /// A worker has looked among its own; the last to answer completes the request.
  func answer(isFound: Bool) {
    let result = state.withLock { state -> Bool? in
      state.isFound = state.isFound || isFound
      state.missingCount -= 1
      return state.missingCount == 0 ? state.isFound : nil
    }
    if let result { completion(result) }
  }
}
