// What the daemon reports about its own life.

import CloseEvents

/// The events that the daemon itself reports about its life.
package enum DaemonEvent: String, CaseIterable, Sendable {
  /// The daemon accepts connections.
  case start
  /// A reload succeeded or failed.
  case reload
  /// The daemon begins to stop.
  case drain

  var event: RecordEvent {
    switch self {
    case .start: .start
    case .reload: .reload
    case .drain: .drain
    }
  }
}
