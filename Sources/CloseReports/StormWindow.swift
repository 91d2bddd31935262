// The densest few seconds of a span, found while the entries pass by in the order of time.

/// Finds the window with most events.
struct StormWindow: Sendable {
  /// Clients that lose the same thing notice within seconds of each other.
  static let length: UInt64 = 10

  /// How many events the densest window has.
  private(set) var largestCount: UInt64 = 0
  /// When it begins, in microseconds since 1970.
  private(set) var largestStart: UInt64 = 0
  /// How many events there were in all.
  private(set) var total: UInt64 = 0

  /// Events of the last seconds, by second modulo the length.
  private var seconds = [UInt64](repeating: 0, count: Int(length))
  private var current: UInt64 = 0
  private var count: UInt64 = 0

  /// Counts an event; one that is earlier than those before counts as of their time.
  mutating func add(_ time: UInt64) {
    let second = max(time / 1_000_000, current)
    if second - current >= Self.length {
      for slot in seconds.indices { seconds[slot] = 0 }
      count = 0
    } else {
      var passed = current
      while passed < second {
        passed += 1
        count -= seconds[Int(passed % Self.length)]
        seconds[Int(passed % Self.length)] = 0
      }
    }
    current = second
    seconds[Int(second % Self.length)] += 1
    count += 1
    total += 1
    if count > largestCount {
      largestCount = count
      let distance = (Self.length - 1)
      largestStart = (second > distance ? second - distance : 0) * 1_000_000
    }
  }
}
