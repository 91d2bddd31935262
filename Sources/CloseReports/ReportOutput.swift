// Where a report goes. Standard output belongs to what was asked for alone; everything else is said
// on standard error.

import Glibc

/// Text on its way to a descriptor, in large pieces.
package struct ReportOutput: ~Copyable {
  private static let capacity = 1 << 16

  private let descriptor: Int32
  /// What has not been written yet.
  package var bytes: [UInt8] = []
  /// Whether a write failed, as on a full disk; what came after it is lost.
  package private(set) var errorNumber: Int32 = 0

  package init(descriptor: Int32) {
    self.descriptor = descriptor
    bytes.reserveCapacity(Self.capacity + 4096)
  }

  /// Writes what has come together if it is worth a system call; false if writing fails.
  package mutating func flushIfFull() -> Bool { bytes.count < Self.capacity || flush() }

  /// Writes what has come together; false if writing fails.
  @discardableResult
  package mutating func flush() -> Bool {
    var written = 0
    while written < bytes.count && errorNumber == 0 {
      let count = bytes.withUnsafeBytes { bytes in
        write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
      }
      if count < 0 && errno != EINTR { errorNumber = errno }
      written += max(count, 0)
    }
    bytes.removeAll(keepingCapacity: true)
    return errorNumber == 0
  }
}

/// A line on a terminal that tells how far reading has come, for readings that take long.
package struct ReadingProgress: ~Copyable {
  /// Nobody wonders before that.
  private static let patience = Duration.seconds(1)
  private static let interval = Duration.milliseconds(200)
  /// Asking for the time costs more than looking at an entry.
  private static let entriesBetweenLooks = 4096

  private let clock: WallClock
  private let isShown: Bool
  private var nextLook: ContinuousClock.Instant
  private var count = 0
  private var hasLine = false

  /// Shows nothing unless `isShown`.
  package init(clock: WallClock, isShown: Bool) {
    self.clock = clock
    self.isShown = isShown
    nextLook = ContinuousClock.now + Self.patience
  }

  /// Another entry has been read; `time` is its own, in microseconds since 1970.
  package mutating func advance(to time: UInt64) {
    count += 1
    guard isShown, count % Self.entriesBetweenLooks == 0, ContinuousClock.now >= nextLook else {
      return
    }
    nextLook = ContinuousClock.now + Self.interval
    hasLine = true
    show("\r\(count) entries read, up to \(clock.text(time))")
  }

  /// Takes the line away.
  package mutating func end() {
    if hasLine { show("\r\u{1B}[K") }
    hasLine = false
  }

  private func show(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }
}
