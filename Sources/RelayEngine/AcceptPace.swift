// How many connections a worker accepts in one turn. To ask whether there is one more is a system
// call, and mostly there is none; what is left is reported again in the next turn.

/// The allowance of a turn: one, until more keep coming than that.
struct AcceptPace {
  /// Turns in a row, at most `longestStreak`, in which there were at least as many as allowed.
  private var streak = 0

  /// Before the allowance grows. Of connections that come one by one, one in so many is followed by
  /// a question in vain.
  private static let patience = 4
  /// An allowance of 1024 is more than there is time for.
  private static let longestStreak = patience + 10

  /// Connections that may be accepted in this turn.
  var allowance: Int { 1 << max(0, streak - Self.patience) }

  mutating func foundAll() { streak = min(streak + 1, Self.longestStreak) }

  mutating func foundNone() { streak = 0 }
}
