// How the daemon is, told to the service manager: one line for `systemctl status`, and a sign of
// life for the watchdog.
//
// The watchdog watches our threads: it is fed by the last worker to answer a probe, so that a
// worker that is stuck ends the feeding at once, and only while the journal's writer gets on. A
// writer that waits for journald is not stuck: a restart of the relay would mend nothing and cost
// every connection (docs/decisions/0005-watchdog.md).

import RelayConfiguration
import RelayEngine
import Systemd

/// Watches the daemon's threads and speaks for them; used by the main thread alone.
struct Supervisor {
  /// How often the status line is brought up to date where the watchdog is not more often.
  private static let longestPeriod = Duration.seconds(5)
  /// By how much a tick may be late before the service manager ends a drain.
  private static let stopAllowance = Duration.seconds(10)
  /// What "a minute" in the status line means.
  private static let rateWindow = Duration.seconds(60)

  private let notifier: ServiceNotifier
  private let watchdog: Watchdog?
  private let engine: Engine
  private let recorder: JournalRecorder
  private var nextTick = ContinuousClock.now
  private var samples: [Sample] = []
  private var lastStatus = ""
  private var probe: Probe?
  private var probeStart = ContinuousClock.now
  private var hasComplained = false

  private struct Sample {
    var time: ContinuousClock.Instant
    var closed: CloseCounts.Counts
  }

  init(
    _ notifier: ServiceNotifier, _ watchdog: Watchdog?, _ engine: Engine,
    _ recorder: JournalRecorder
  ) {
    self.notifier = notifier
    self.watchdog = watchdog
    self.engine = engine
    self.recorder = recorder
  }

  /// How long until `tick` wants to be called; nil: nobody listens, so never.
  var timeUntilTick: Duration? {
    notifier.isListenedTo ? max(.zero, nextTick - .now) : nil
  }

  private var period: Duration {
    watchdog.map { min($0.feedInterval, Self.longestPeriod) } ?? Self.longestPeriod
  }

  /// If it is time to, probes the threads and tells the service manager how things are.
  /// `drainEnd`: when the grace of a stop ends; nil: none was asked for.
  mutating func tick(routeCount: Int, drainEnd: ContinuousClock.Instant?) throws(SystemdError) {
    guard notifier.isListenedTo, ContinuousClock.now >= nextTick else { return }
    nextTick = .now + period
    if watchdog != nil { watch() }
    if let drainEnd, .now < drainEnd {
      // The grace of the configuration counts, also where TimeoutStopSec= is shorter.
      try notifier.extendTimeout(by: period + Self.stopAllowance)
    }
    let status = status(routeCount: routeCount, isDraining: drainEnd != nil)
    if status == lastStatus { return }
    try notifier.status(status)
    lastStatus = status
  }

  // MARK: - Watchdog

  private mutating func watch() {
    if recorder.journal.hasStalled() { return complain("the journal's writer") }
    if let silent = probe?.silentWorkers, !silent.isEmpty {
      let names = silent.map { "worker \($0)" }.joined(separator: ", ")
      return complain(names)
    }
    hasComplained = false
    probeStart = .now
    let notifier = notifier
    // If this cannot be sent, the service manager will restart a relay that works: nothing more can
    // be done from here.
    probe = engine.probe { _ = try? notifier.watchdog() }
  }

  private mutating func complain(_ who: String) {
    if hasComplained { return }
    hasComplained = true
    let seconds = (ContinuousClock.now - probeStart).components.seconds
    recorder.journal.error(
      "\(who) has given no sign of life for \(seconds) s; if it stays so, the watchdog of the "
        + "service manager will restart the relay")
  }

  // MARK: - Status

  private mutating func status(routeCount: Int, isDraining: Bool) -> String {
    let connectionCount = engine.openConnectionCount
    if isDraining { return "draining: \(connectionCount) connections left" }
    let now = Sample(time: .now, closed: recorder.closeCounts.counts)
    samples.removeAll { now.time - $0.time > Self.rateWindow }
    samples.append(now)
    let lately = now.closed - samples[0].closed
    return "\(connectionCount) connections on \(routeCount) routes, \(lately.all) closes/min, "
      + "\(lately.abnormal) abnormal"
  }
}
