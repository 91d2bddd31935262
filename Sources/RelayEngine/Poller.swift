// epoll, level-triggered: which descriptors are ready. What a descriptor means is the caller's: it
// comes back as the 64-bit tag it was added with.

import CLinux
import Glibc
import RelayCore

/// One epoll instance and its timer. They are made, and given their first descriptors, by whoever
/// starts the thread that waits on them: what fails then fails the start.
package struct Poller: ~Copyable, Sendable {
  let descriptor: Int32
  /// Readable when a deadline comes. A timeout of epoll's own would set up a kernel timer for every
  /// wait; this one is set only when a deadline is earlier than the one it is set for.
  package let timer: Int32

  /// What an event says, and what can be waited for.
  package static let readable = EPOLLIN.rawValue
  package static let writable = EPOLLOUT.rawValue
  /// Reported whether asked for or not.
  package static let failed = EPOLLERR.rawValue | EPOLLHUP.rawValue
  /// Of `failed`, where nothing has failed: both directions have ended, with FIN.
  static let bothEnded = EPOLLHUP.rawValue
  /// The peer has ended its direction; there may be bytes before that. To be asked for with
  /// `readable` only: it stays until it is read.
  static let ended = EPOLLRDHUP.rawValue

  package init() throws(SystemCallError) {
    (descriptor, timer) = try Self.makeDescriptors()
  }

  private static func makeDescriptors() throws(SystemCallError) -> (epoll: Int32, timer: Int32) {
    let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    if epoll < 0 { throw SystemCallError("epoll_create1", errno: errno, subject: "worker") }
    let timer = timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
    if timer < 0 {
      let error = errno
      close(epoll)
      throw SystemCallError("timerfd_create", errno: error, subject: "worker")
    }
    return (epoll, timer)
  }

  deinit {
    close(timer)
    close(descriptor)
  }

  /// Waits for events; returns their number, 0 if a signal came instead.
  @inline(__always)
  package func wait(for events: borrowing PolledEvents) -> Int {
    max(0, Int(linux_epoll_wait(descriptor, events.base, PolledEvents.maximumCount, -1)))
  }

  /// Returns the number of events there are, without waiting for any.
  @inline(__always)
  package func look(for events: borrowing PolledEvents) -> Int {
    max(0, Int(linux_epoll_wait(descriptor, events.base, PolledEvents.maximumCount, 0)))
  }

  /// Sets the timer, whatever it is set for.
  @inline(never)
  package func setTimer(_ instant: Instant) {
    // 0 would switch it off; a deadline that has passed fires at once.
    let microseconds = max(instant.microseconds, 1)
    var time = itimerspec()
    time.it_value.tv_sec = time_t(microseconds / 1_000_000)
    time.it_value.tv_nsec = Int(microseconds % 1_000_000) * 1000
    timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &time, nil)
  }

  /// Makes the timer unreadable until it is set again and comes.
  package func clearTimer() {
    var count: UInt64 = 0
    _ = read(timer, &count, 8)
  }

  /// Starts to report a descriptor; returns 0 or the error number. `isExclusive`: of several
  /// pollers that watch it, one is woken.
  package func add(_ target: Int32, tag: UInt64, isExclusive: Bool = false) -> Int32 {
    control(
      EPOLL_CTL_ADD, target, Self.readable | (isExclusive ? EPOLLEXCLUSIVE.rawValue : 0), tag)
  }

  /// Reports a descriptor that was added for other events from now on.
  package func change(_ target: Int32, tag: UInt64, events: UInt32) {
    _ = control(EPOLL_CTL_MOD, target, events, tag)
  }

  private func control(
    _ operation: Int32, _ target: Int32, _ events: UInt32, _ tag: UInt64
  ) -> Int32 {
    var event = epoll_event()
    event.events = events
    event.data.u64 = tag
    return epoll_ctl(descriptor, operation, target, &event) == 0 ? 0 : errno
  }

  /// Stops reporting a descriptor.
  func remove(_ target: Int32) {
    _ = epoll_ctl(descriptor, EPOLL_CTL_DEL, target, nil)
  }
}

/// Room for the events of one wait.
package struct PolledEvents: ~Copyable {
  let base: UnsafeMutablePointer<epoll_event>

  static let maximumCount: Int32 = 1024

  package init(count: Int32 = maximumCount) { base = .allocate(capacity: Int(count)) }

  deinit { base.deallocate() }

  /// Those that came, until the next wait.
  package func prefix(_ count: Int) -> UnsafeBufferPointer<epoll_event> {
    UnsafeBufferPointer(start: base, count: count)
  }

  /// One of those that came.
  @inline(__always)
  subscript(position: Int) -> epoll_event { base[position] }
}
