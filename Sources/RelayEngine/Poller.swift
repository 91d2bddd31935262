// epoll, level-triggered: which descriptors are ready. What a descriptor means is the caller's: it
// comes back as the 64-bit tag it was added with.

import CLinux
import Glibc
import RelayCore

/// One epoll instance and room for its events.
struct Poller: ~Copyable {
  let descriptor: Int32
  let events: UnsafeMutablePointer<epoll_event>

  static let maximumEventCount: Int32 = 1024
  static let readable = EPOLLIN.rawValue
  static let writable = EPOLLOUT.rawValue
  /// Reported whether asked for or not.
  static let failed = EPOLLERR.rawValue | EPOLLHUP.rawValue

  init() throws(SystemCallError) {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    if descriptor < 0 { throw SystemCallError("epoll_create1", errno: errno, subject: "worker") }
    events = .allocate(capacity: Int(Self.maximumEventCount))
  }

  deinit {
    close(descriptor)
    events.deallocate()
  }

  /// Waits for events, at most so many microseconds; nil: without end. Returns their number.
  @inline(__always)
  func wait(atMost microseconds: Int64?) -> Int {
    // Rounded up: a deadline must have come when the wait for it ends.
    let timeout = microseconds.map { Int32(clamping: ($0 &+ 999) / 1000) } ?? -1
    return max(0, Int(epoll_wait(descriptor, events, Self.maximumEventCount, timeout)))
  }

  /// Starts to report a descriptor; returns 0 or the error number. `isExclusive`: of several pollers
  /// that watch it, one is woken.
  func add(_ target: Int32, tag: UInt64, isExclusive: Bool = false) -> Int32 {
    var event = epoll_event()
    event.events = Self.readable | (isExclusive ? EPOLLEXCLUSIVE.rawValue : 0)
    event.data.u64 = tag
    return epoll_ctl(descriptor, EPOLL_CTL_ADD, target, &event) == 0 ? 0 : errno
  }

  /// Stops reporting a descriptor.
  func remove(_ target: Int32) {
    _ = epoll_ctl(descriptor, EPOLL_CTL_DEL, target, nil)
  }
}
