// What an engine under test reports, to be waited for.

import CLinux
import Glibc
import RelayCore
import Synchronization

@testable import RelayEngine

/// Keeps every event.
final class EventLog: ConnectionRecorder {
  struct Content {
    var opened: [OpenedConnection] = []
    var closed: [ClosedConnection] = []
    var refused: [RefusedHandshake] = []
    var failures: [(error: SystemCallError, at: Instant)] = []
  }

  private let content = Mutex(Content())
  private let wake = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))

  deinit { close(wake) }

  func record(_ event: ConnectionEvent) {
    add {
      switch event {
      case .opened(let opened): $0.opened.append(opened)
      case .closed(let closed): $0.closed.append(closed)
      case .refused(let refused): $0.refused.append(refused)
      }
    }
  }

  func acceptFailed(_ error: SystemCallError) {
    add { $0.failures.append((error, MonotonicClock.now())) }
  }

  private func add(_ change: (inout Content) -> Void) {
    content.withLock { change(&$0) }
    var one: UInt64 = 1
    _ = write(wake, &one, 8)
  }

  var now: Content { content.withLock { $0 } }

  /// The log as soon as a condition holds, or as it is when patience ends.
  @discardableResult
  func wait(
    _ patience: Duration = .seconds(20), until condition: (Content) -> Bool
  ) -> Content {
    let deadline = MonotonicClock.now() + patience.wholeMicroseconds
    while true {
      let current = now
      let rest = deadline - MonotonicClock.now()
      if condition(current) || rest <= 0 { return current }
      if Wait.readable(wake, within: .microseconds(rest)) {
        var value: UInt64 = 0
        _ = read(wake, &value, 8)
      }
    }
  }

  /// The closed connections once there are so many.
  func closed(_ count: Int, within patience: Duration = .seconds(20)) -> [ClosedConnection] {
    wait(patience) { $0.closed.count >= count }.closed
  }
}
