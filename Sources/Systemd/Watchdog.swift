// Whether the service manager expects signs of life from this process, and how often
// (WatchdogSec=).

import CSystemd

/// The watchdog of a service: without a sign of life within `interval` the manager kills it.
package struct Watchdog: Sendable, Equatable {
  /// The manager's patience.
  package let interval: Duration

  package init(interval: Duration) { self.interval = interval }

  /// The watchdog that the environment asks of this process; nil where it asks for none.
  package static func fromEnvironment() throws(SystemdError) -> Watchdog? {
    var microseconds: UInt64 = 0
    let result = sd_watchdog_enabled(0, &microseconds)
    guard try SystemdError.check(result, call: "sd_watchdog_enabled") > 0 else { return nil }
    return Watchdog(interval: .microseconds(Int64(clamping: microseconds)))
  }

  /// How often to send a sign of life: twice in each interval, as sd_watchdog_enabled(3) advises.
  package var feedInterval: Duration { interval / 2 }
}
