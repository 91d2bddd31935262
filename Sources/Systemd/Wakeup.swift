// How one thread wakes another that waits for it or for time to pass: an eventfd, owned.

import CSystemd
import Glibc

/// A flag that one thread raises and another waits for.
package struct Wakeup: ~Copyable, Sendable {
  private let descriptor: Int32

  package init() throws(SystemdError) {
    descriptor = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    guard descriptor >= 0 else { throw SystemdError(call: "eventfd", errorNumber: errno) }
  }

  deinit { Glibc.close(descriptor) }

  /// Raises the flag; it stays up until somebody has waited for it.
  package func raise() {
    // Fails only when the counter is full, and then the flag is up already.
    eventfd_write(descriptor, 1)
  }

  /// Waits until the flag is up and lowers it; false if `timeout` passed first. nil waits forever.
  @discardableResult
  package func wait(timeout: Duration? = nil) -> Bool {
    let end = timeout.map { ContinuousClock.now + $0 }
    while true {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let count = poll(&request, 1, Self.milliseconds(until: end))
      if count > 0 {
        var value: eventfd_t = 0
        eventfd_read(descriptor, &value)
        return true
      }
      if count == 0, let end, ContinuousClock.now >= end { return false }
      precondition(count >= 0 || errno == EINTR, "poll refused an eventfd")
    }
  }

  private static func milliseconds(until end: ContinuousClock.Instant?) -> Int32 {
    guard let end else { return -1 }
    let rest = max(end - ContinuousClock.now, .zero).components
    // Rounded up: rounding down would spin through the last millisecond.
    let milliseconds = rest.attoseconds / 1_000_000_000_000_000 + 1
    return Int32(clamping: min(rest.seconds, 1_000_000) * 1000 + milliseconds)
  }
}
