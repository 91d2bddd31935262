// Signals as values: the main thread blocks and waits for them, no handler ever runs.

import Glibc

/// What an operator asks for with a signal.
enum OperatorSignal: Sendable {
  /// TERM or INT: drain, or stop at once when already draining.
  case stop
  /// HUP.
  case reload
  /// USR1.
  case count
  /// USR2: become the program that is now where this one was started from.
  case become
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
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, workersEnded] {
      sigaddset(&set, signal)
    }
    return set
  }

  /// Holds the signals back for `next`; before any thread starts, so that all inherit it. A write
  /// to a peer or a pipe that is gone shall fail, not kill.
  static func block() {
    var set = awaited
    pthread_sigmask(SIG_BLOCK, &set, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  /// Waits for the next one; nil if `timeout` passed first. Without a timeout it waits forever.
  static func next(timeout: Duration?) -> OperatorSignal? {
    var set = awaited
    while true {
      let number: Int32
      if let timeout {
        let (seconds, attoseconds) = timeout.components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        number = sigtimedwait(&set, nil, &time)
        if number < 0 && errno == EAGAIN { return nil }
      } else {
        number = sigwaitinfo(&set, nil)
      }
      switch number {
      case ..<0: continue
      case SIGHUP: return .reload
      case SIGUSR1: return .count
      case SIGUSR2: return .become
      case workersEnded: return .workersEnded
      default: return .stop
      }
    }
  }

  /// Tells the main thread that the workers have ended.
  static func raiseWorkersEnded() { kill(getpid(), workersEnded) }
}
