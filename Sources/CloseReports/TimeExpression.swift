// What `--since` and `--until` understand: the forms of journalctl that an operator types, and
// RFC 3339.

/// A point in time as it is typed.
package enum TimeExpression {
  /// What to show to somebody whose expression was not understood.
  package static let examples =
    "-1h, -90s, \"2h 30min ago\", now, today, yesterday, \"2026-11-24 10:00\", "
    + "2026-11-24T10:00:00Z, @1795514400"

  /// The time that an expression means, in microseconds since 1970; nil if it means none.
  package static func parse(_ text: String, now: UInt64, clock: WallClock) -> UInt64? {
    let text = trimmed(text[...])
    if text.hasPrefix("@") { return seconds(text.dropFirst()) }
    if let distance = duration(after: "-", text) { return now > distance ? now - distance : 0 }
    if let distance = duration(after: "+", text) { return sum(now, distance) }
    if text.hasSuffix(" ago") {
      return duration(text.dropLast(4)).map { now > $0 ? now - $0 : 0 }
    }
    switch text {
    case "now": return now
    case "today": return midnight(now, daysLater: 0, clock)
    case "yesterday": return midnight(now, daysLater: -1, clock)
    case "tomorrow": return midnight(now, daysLater: 1, clock)
    default: return moment(text, now: now, clock: clock)
    }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " }
    while text.last == " " { text.removeLast() }
    return text
  }

  private static func sum(_ one: UInt64, _ other: UInt64) -> UInt64? {
    let (sum, isTooLarge) = one.addingReportingOverflow(other)
    return isTooLarge ? nil : sum
  }

  private static func midnight(_ now: UInt64, daysLater: Int32, _ clock: WallClock) -> UInt64? {
    // From noon, a day more or less is another date even when the clocks change.
    let today = clock.parts(now)
    let noon = clock.time(
      year: Int(today.tm_year) + 1900, month: Int(today.tm_mon) + 1, day: Int(today.tm_mday),
      hour: 12)
    let day: Int64 = 86_400_000_000
    guard let noon, let shifted = UInt64(exactly: Int64(noon) + Int64(daysLater) * day) else {
      return nil
    }
    let date = clock.parts(shifted)
    return clock.time(
      year: Int(date.tm_year) + 1900, month: Int(date.tm_mon) + 1, day: Int(date.tm_mday))
  }
}

// MARK: - Durations

extension TimeExpression {
  private static let units: [(names: [String], microseconds: UInt64)] = [
    (["us", "usec", "µs"], 1), (["ms", "msec"], 1000),
    (["s", "sec", "second", "seconds"], 1_000_000),
    (["m", "min", "minute", "minutes"], 60_000_000),
    (["h", "hr", "hour", "hours"], 3_600_000_000),
    (["d", "day", "days"], 86_400_000_000),
    (["w", "week", "weeks"], 604_800_000_000),
    (["M", "month", "months"], 2_629_800_000_000),
    (["y", "year", "years"], 31_557_600_000_000),
  ]

  private static func duration(after sign: String, _ text: Substring) -> UInt64? {
    text.hasPrefix(sign) ? duration(text.dropFirst()) : nil
  }

  /// `90s`, `2h 30min`, `1d12h`: numbers, each with its unit; nil if it is anything else.
  static func duration(_ text: Substring) -> UInt64? {
    var rest = trimmed(text)
    guard !rest.isEmpty else { return nil }
    var total: UInt64 = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let number = UInt64(digits) else { return nil }
      rest = trimmed(rest.dropFirst(digits.count))
      let name = rest.prefix { $0.isLetter }
      guard let unit = units.first(where: { $0.names.contains(String(name)) }) else { return nil }
      rest = trimmed(rest.dropFirst(name.count))
      let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit.microseconds)
      guard !isTooLarge, let next = sum(total, product) else { return nil }
      total = next
    }
    return total
  }
}

// MARK: - Dates and times of day

extension TimeExpression {
  /// `DATE`, `TIME`, `DATE TIME` in the clock's zone, or RFC 3339 with a zone of its own.
  private static func moment(_ text: Substring, now: UInt64, clock: WallClock) -> UInt64? {
    var clock = clock
    var text = text
    if text.hasSuffix(" UTC") {
      clock = .utc
      text = text.dropLast(4)
    }
    guard let separator = text.firstIndex(where: { $0 == " " || $0 == "T" || $0 == "t" }) else {
      if let date = date(text) { return clock.time(year: date.0, month: date.1, day: date.2) }
      let today = clock.parts(now)
      let date = (Int(today.tm_year) + 1900, Int(today.tm_mon) + 1, Int(today.tm_mday))
      return time(text, on: date, clock: clock)
    }
    guard let date = date(text[..<separator]) else { return nil }
    let time = text[text.index(after: separator)...]
    guard text[separator] != " " else { return self.time(time, on: date, clock: clock) }
    guard let (bare, offset) = zone(time) else { return self.time(time, on: date, clock: clock) }
    guard let utc = self.time(bare, on: date, clock: .utc) else { return nil }
    return UInt64(exactly: Int64(clamping: utc) - offset)
  }

  /// A time of day without its zone, and how far that is east of Greenwich in microseconds.
  private static func zone(_ text: Substring) -> (bare: Substring, offset: Int64)? {
    if text.hasSuffix("Z") || text.hasSuffix("z") { return (text.dropLast(), 0) }
    guard let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }) else { return nil }
    let parts = text[text.index(after: sign)...].split(
      separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let hours = number(parts[0], digits: 2), hours < 24,
      let minutes = number(parts[1], digits: 2), minutes < 60
    else { return nil }
    let offset = Int64(hours * 60 + minutes) * 60_000_000
    return (text[..<sign], text[sign] == "-" ? -offset : offset)
  }

  private static func date(_ text: Substring) -> (Int, Int, Int)? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let year = number(parts[0], digits: 4),
      let month = number(parts[1], digits: 2), let day = number(parts[2], digits: 2)
    else { return nil }
    return (year, month, day)
  }

  private static func time(
    _ text: Substring, on date: (Int, Int, Int), clock: WallClock
  ) -> UInt64? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3, let hour = number(parts[0], digits: 2),
      let minute = number(parts[1], digits: 2),
      let second = parts.count == 3 ? seconds(parts[2]) : 0, second < 60_000_000
    else { return nil }
    let whole = clock.time(
      year: date.0, month: date.1, day: date.2, hour: hour, minute: minute,
      second: Int(second / 1_000_000))
    return whole.map { $0 + second % 1_000_000 }
  }

  private static func number(_ text: Substring, digits: Int) -> Int? {
    guard text.utf8.count == digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int(text)
  }

  /// Seconds with or without a fraction, in microseconds.
  private static func seconds(_ text: Substring) -> UInt64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let isDigits = { (part: Substring) in
      !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard parts.allSatisfy(isDigits), let whole = parts.first.flatMap({ UInt64($0) }) else {
      return nil
    }
    let (base, isTooLarge) = whole.multipliedReportingOverflow(by: 1_000_000)
    if isTooLarge { return nil }
    guard parts.count == 2 else { return base }
    let fraction = parts[1].prefix(6)
    let padded = fraction + String(repeating: "0", count: 6 - fraction.utf8.count)
    return UInt64(padded).flatMap { sum(base, $0) }
  }
}
