// Looking for events for a moment before the thread sleeps (`busy_poll`): to be woken takes longer
// than to find the next message oneself, if it comes soon.

import RelayCore

/// Whether a worker looks again or sleeps.
struct BusyPoll {
  /// How long is looked, in microseconds: about what a sleep costs, so that looking in vain costs
  /// no more than once again as much.
  static let window: Int64 = 50

  /// Whether the last events came so soon that the next are worth looking for.
  private(set) var isWorthwhile = true

  /// Waits for events and returns their number. `look` does not wait, `sleep` returns when there
  /// are some, or for a signal.
  @inline(__always)
  mutating func wait(now: () -> Instant, look: () -> Int, sleep: () -> Int) -> Int {
    let begin = now()
    if isWorthwhile {
      repeat {
        let count = look()
        if count > 0 { return count }
      } while now().microseconds - begin.microseconds < Self.window
    }
    let count = sleep()
    // Whoever slept has been woken too late by about a window.
    isWorthwhile = now().microseconds - begin.microseconds < 2 * Self.window
    return count
  }
}
