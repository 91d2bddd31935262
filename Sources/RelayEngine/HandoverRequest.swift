// The rendezvous of a hand-over. Each worker stops to serve at the end of a turn and says so; what
// it published is in the mailboxes of the others by then. Once the last has stopped, all are asked
// to write down their sessions, and that question stands behind every batch: so each batch is
// delivered before the sessions it is for are written down, once.

import RelayCore
import Synchronization

/// One hand-over in progress.
final class HandoverRequest: Sendable {
  private struct State {
    /// Workers that still serve.
    var servingCount: Int
    /// Workers that have not written down their sessions.
    var missingCount: Int
    var parts: [HandoverParcel.Part] = []
    var listenerNames: [String] = []
  }

  private let exchange: Exchange
  private let state: Mutex<State>
  /// Rung once all parts are there.
  private let done: Bell

  init(_ exchange: Exchange) throws(SystemCallError) {
    self.exchange = exchange
    state = Mutex(State(servingCount: exchange.workerCount, missingCount: exchange.workerCount))
    done = try Bell()
  }

  /// A worker has stopped to serve, and has posted all it had to post.
  func paused() {
    let isLast = state.withLock { state in
      state.servingCount -= 1
      return state.servingCount == 0
    }
    guard isLast else { return }
    for mailbox in exchange.mailboxes { mailbox.post(.export(self)) }
  }

  /// A worker has written down its sessions.
  func exported(_ part: HandoverParcel.Part, _ listenerNames: [String]) {
    let isLast = state.withLock { state in
      state.parts.append(part)
      state.listenerNames = listenerNames
      state.missingCount -= 1
      return state.missingCount == 0
    }
    guard isLast else { return }
    done.ring()
  }

  /// All parts, and the listeners that their records name; nil: they are not there in time.
  func wait(_ timeout: Duration) -> (listenerNames: [String], parts: [HandoverParcel.Part])? {
    guard done.wait(timeout) else { return nil }
    return state.withLock { ($0.listenerNames, $0.parts) }
  }
}
