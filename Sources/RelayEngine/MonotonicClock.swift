// The one place that reads a clock.

import Glibc
import RelayCore

/// The monotonic clock of the system.
package enum MonotonicClock {
  /// The time now. About 25 ns: read once a turn.
  @inline(__always)
  package static func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(
      microseconds: Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000)
  }

  /// The time now in nanoseconds, on the same clock: for measuring, not for deadlines.
  @inline(__always)
  package static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
