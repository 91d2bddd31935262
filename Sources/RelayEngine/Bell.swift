// A thread waits for another to be done with something, but not for ever.

import CLinux
import Glibc
import RelayCore

/// Rung once, heard by whoever waits.
final class Bell: Sendable {
  private let descriptor: Int32

  init() throws(SystemCallError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    if descriptor < 0 { throw SystemCallError("eventfd", errno: errno, subject: "bell") }
  }

  deinit { close(descriptor) }

  func ring() {
    var one: UInt64 = 1
    _ = write(descriptor, &one, 8)
  }

  /// Whether it was rung in time.
  func wait(_ timeout: Duration) -> Bool {
    var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // No signal ends it early: the threads of the daemon hold them back.
    return poll(&event, 1, Int32(clamping: timeout.wholeMicroseconds / 1000)) > 0
  }
}
