// Those who come and those who go, in an epoll instance of their own that the worker's poller
// watches. Epoll reports sockets in the order in which they became ready: a client would stand
// behind everybody of a crowd that connects, or leaves, at once.

import CLinux
import Glibc

/// Readiness of the sockets that a worker serves behind all others, for a bounded time of each
/// turn: whose opening handshake is not done or was refused, but for the few that came forward
/// (`Limits.maximumForwardCount`), and those of a crowd that left.
struct Crowd: ~Copyable, Sendable {
  let descriptor: Int32

  /// So many come in one go: one TLS handshake takes longer than all there is time for in a turn.
  static let batchCount: Int32 = 2

  init() throws(SystemCallError) {
    descriptor = try Self.makeDescriptor()
  }

  private static func makeDescriptor() throws(SystemCallError) -> Int32 {
    let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    if descriptor < 0 { throw SystemCallError("epoll_create1", errno: errno, subject: "worker") }
    return descriptor
  }

  deinit { close(descriptor) }

  /// Those that are ready; returns their number, less than a batch: that was all.
  func poll(_ events: borrowing PolledEvents) -> Int {
    max(0, Int(linux_epoll_wait(descriptor, events.base, Self.batchCount, 0)))
  }
}
