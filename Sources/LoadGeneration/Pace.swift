// The timetable of an open loop: messages at a constant rate, shared out to threads and connections
// in turn. When message n of a connection is due follows from n alone, so nothing need be kept for
// those in flight, however many they are.

/// One thread's messages in time.
struct Pace {
  /// Between two messages of the run, in nanoseconds.
  private let step: Double
  private let threadCount: Double
  private let thread: Double
  private let linkCount: Int
  private var beginning: UInt64?
  /// Messages of this thread that have been due.
  private var takenCount = 0

  init(rate: Double, threadCount: Int, thread: Int, linkCount: Int) {
    step = 1e9 / rate
    self.threadCount = Double(threadCount)
    self.thread = Double(thread)
    self.linkCount = linkCount
  }

  /// Begins at once.
  mutating func begin(_ now: UInt64) { beginning = now }

  /// When the `number`-th message of the connection in a place is due.
  @inline(__always)
  func due(_ number: Int, _ slot: Int) -> UInt64 { due(number &* linkCount &+ slot) }

  /// When the `number`-th message of this thread is due.
  @inline(__always)
  func due(_ number: Int) -> UInt64 {
    (beginning ?? 0) &+ UInt64((Double(number) * threadCount + thread) * step)
  }

  /// When something is due next.
  var next: UInt64? { beginning == nil || linkCount == 0 ? nil : due(takenCount) }

  /// The place of the connection whose message is due; nil: none is yet.
  mutating func takeDue(_ now: UInt64) -> Int? {
    guard let next, next <= now else { return nil }
    takenCount += 1
    return (takenCount - 1) % linkCount
  }
}
