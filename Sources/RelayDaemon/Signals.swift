// Signals as values: the main thread blocks and waits for them, no handler ever runs.

import Glibc

/// What becomes of the connections in a restart that the service manager is about to do.
enum RestartPlan: Int32, Sendable, CaseIterable {
  /// They are left to the next process, and the listeners with them. RTMIN+2.
  case keep = 36
  /// The manager opens the sockets for the next process, perhaps where this one has bound its own:
  /// they are left without the listeners. RTMIN+3.
  case keepWithoutListeners
  /// The manager keeps nothing: they are closed with 1012. RTMIN+4.
  case close
}

/// What an operator asks for with a signal.
enum OperatorSignal: Sendable {
  /// TERM or INT: drain, or stop at once when already draining. With a plan, where it was announced
  /// just before that a restart is meant.
  case stop(RestartPlan?)
  /// HUP.
  case reload
  /// USR1.
  case count
  /// USR2: become the program that is now where this one was started from.
  case become
  /// Close the connection with this identity.
  case kick(UInt64)
  /// The workers have ended; sent by this process itself.
  case workersEnded
}

/// The signals the daemon waits for.
enum Signals {
  /// Of the real-time signals, which nothing else here uses.
  private static let workersEnded = SIGRTMIN + 1
  private static let SIGRTMIN: Int32 = 34

  private static var awaited: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    let signals = [
      SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, KickSignal.number, workersEnded,
    ]
    for signal in signals { sigaddset(&set, signal) }
    return set
  }

  /// The announcements of a restart: not waited for, but looked for when there is a TERM, which
  /// they may be taken after though they were sent before.
  private static var announcements: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for plan in RestartPlan.allCases { sigaddset(&set, plan.rawValue) }
    return set
  }

  /// The latest announcement that was made; each counts once.
  private static func takeAnnouncement() -> RestartPlan? {
    var set = announcements
    var zero = timespec()
    var plan: RestartPlan?
    while let next = RestartPlan(rawValue: sigtimedwait(&set, nil, &zero)) { plan = next }
    return plan
  }

  /// Holds the signals back for `next`; before any thread starts, so that all inherit it. A write
  /// to a peer or a pipe that is gone shall fail, not kill.
  static func block() {
    for var set in [awaited, announcements] { pthread_sigmask(SIG_BLOCK, &set, nil) }
    signal(SIGPIPE, SIG_IGN)
  }

  /// Waits for the next one; nil if `timeout` passed first. Without a timeout it waits forever.
  static func next(timeout: Duration?) -> OperatorSignal? {
    var set = awaited
    var information = siginfo_t()
    while true {
      let number: Int32
      if let timeout {
        let (seconds, attoseconds) = timeout.components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        number = sigtimedwait(&set, &information, &time)
        if number < 0 && errno == EAGAIN { return nil }
      } else {
        number = sigwaitinfo(&set, &information)
      }
      switch number {
      case ..<0: continue
      case SIGHUP: return .reload
      case SIGUSR1: return .count
      case SIGUSR2: return .become
      case KickSignal.number: return .kick(KickSignal.connectionID(information))
      case workersEnded: return .workersEnded
      default: return .stop(takeAnnouncement())
      }
    }
  }

  /// Tells the main thread that the workers have ended.
  static func raiseWorkersEnded() { kill(getpid(), workersEnded) }
}
