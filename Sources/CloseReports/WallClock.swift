// Times as a person at this machine reads and writes them. The C library knows the time zone, and
// its limits: a forged time far in the future is shown as the last moment of the year 9999.

import Glibc

/// The calendar by which times are read and written.
package enum WallClock: Sendable {
  /// That of this machine, or of TZ.
  case local
  /// Without time zone or summer time, for tests.
  case utc

  /// 9999-12-31 23:59:59.
  private static let lastSecond = 253_402_300_799

  /// The time now, in microseconds since 1970.
  package static var now: UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return UInt64(max(now.tv_sec, 0)) * 1_000_000 + UInt64(now.tv_nsec) / 1000
  }

  /// The calendar's parts of a time in microseconds since 1970.
  func parts(_ time: UInt64) -> tm {
    var seconds = time_t(min(Int(clamping: time / 1_000_000), Self.lastSecond))
    var parts = tm()
    switch self {
    case .local: localtime_r(&seconds, &parts)
    case .utc: gmtime_r(&seconds, &parts)
    }
    return parts
  }

  /// The time of a date and a time of day; nil if the calendar has no such moment.
  package func time(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0
  ) -> UInt64? {
    guard (1970...9999).contains(year), (1...12).contains(month),
      (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second)
    else { return nil }
    var parts = tm()
    parts.tm_year = Int32(year - 1900)
    parts.tm_mon = Int32(month - 1)
    parts.tm_mday = Int32(clamping: day)
    parts.tm_hour = Int32(hour)
    parts.tm_min = Int32(minute)
    parts.tm_sec = Int32(second)
    parts.tm_isdst = -1
    let seconds = self == .utc ? timegm(&parts) : mktime(&parts)
    // A 31st of a month with 30 days has become the 1st of the next.
    guard seconds >= 0, Int(parts.tm_mday) == day else { return nil }
    return UInt64(seconds) * 1_000_000
  }

  /// `2026-11-24 10:04:31`.
  package func text(_ time: UInt64) -> String { "\(date(time)) \(clock(time))" }

  /// `2026-11-24`.
  package func date(_ time: UInt64) -> String {
    let parts = parts(time)
    return "\(parts.tm_year + 1900)-\(Self.two(parts.tm_mon + 1))-\(Self.two(parts.tm_mday))"
  }

  /// `10:04:31`.
  package func clock(_ time: UInt64) -> String {
    "\(minute(time)):\(Self.two(parts(time).tm_sec))"
  }

  /// `10:04`.
  package func minute(_ time: UInt64) -> String {
    let parts = parts(time)
    return "\(Self.two(parts.tm_hour)):\(Self.two(parts.tm_min))"
  }

  /// `2026-11-24T10:04:31.000042Z`: RFC 3339, in UTC whatever the calendar.
  package static func rfc3339(_ time: UInt64) -> String {
    let micros = String(time % 1_000_000)
    let zeros = String(repeating: "0", count: 6 - micros.utf8.count)
    return "\(WallClock.utc.date(time))T\(WallClock.utc.clock(time)).\(zeros)\(micros)Z"
  }

  private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
