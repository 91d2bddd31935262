// epoll, level-triggered: which descriptors are ready. What a descriptor means is the caller's: it
// comes back as the 64-bit tag it was added with.

import CLinux
import Glibc
import RelayCore

/// One epoll instance, its timer, and room for its events.
struct Poller: ~Copyable {
  let descriptor: Int32
  /// Ends a wait when a deadline comes. epoll's own timeout would set up a kernel timer for every
  /// wait; this one is set only when the next deadline is earlier than the one it is set for.
  private let timer: Int32
  /// What the timer is set for.
  private var timerInstant: Instant?
  let events: UnsafeMutablePointer<epoll_event>

  static let maximumEventCount: Int32 = 1024
  static let readable = EPOLLIN.rawValue
  static let writable = EPOLLOUT.rawValue
  /// Reported whether asked for or not.
  static let failed = EPOLLERR.rawValue | EPOLLHUP.rawValue

  init() throws(SystemCallError) {
    let made = try Self.makeDescriptors()
    descriptor = made.epoll
    timer = made.timer
    events = .allocate(capacity: Int(Self.maximumEventCount))
  }

  private static func makeDescriptors() throws(SystemCallError) -> (epoll: Int32, timer: Int32) {
    let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    if epoll < 0 { throw SystemCallError("epoll_create1", errno: errno, subject: "worker") }
    let timer = timerfd_create(
      CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
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
    events.deallocate()
  }

  /// Starts to report the timer under a tag.
  func addTimer(tag: UInt64) -> Int32 { add(timer, tag: tag) }

  /// Waits for events, at the longest until `deadline`; nil: without end. Returns their number. A
  /// wait may end without any, when the timer was set for a deadline that has moved away since.
  @inline(__always)
  mutating func wait(until deadline: Instant?) -> Int {
    if let deadline, timerInstant.map({ deadline < $0 }) ?? true { setTimer(deadline) }
    return max(0, Int(epoll_wait(descriptor, events, Self.maximumEventCount, -1)))
  }

  @inline(never)
  private mutating func setTimer(_ instant: Instant) {
    timerInstant = instant
    // 0 would switch it off; a deadline that has passed fires at once.
    let microseconds = max(instant.microseconds, 1)
    var time = itimerspec()
    time.it_value.tv_sec = time_t(microseconds / 1_000_000)
    time.it_value.tv_nsec = Int(microseconds % 1_000_000) * 1000
    timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &time, nil)
  }

  /// Takes note that the timer was reported.
  mutating func timerFired() {
    var count: UInt64 = 0
    _ = read(timer, &count, 8)
    timerInstant = nil
  }

  /// Starts to report a descriptor; returns 0 or the error number. `isExclusive`: of several
  /// pollers that watch it, one is woken.
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
