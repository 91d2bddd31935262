// Closes as they come. Journal files may be rotated or removed meanwhile; libsystemd keeps the
// place, and the reader is opened anew from time to time so that nothing piles up in it.

import CloseEvents
import Glibc
import Systemd

/// Shows each close of the local journal when it is recorded, until it is told to stop.
package struct CloseFollower: ~Copyable {
  /// So many entries at once, and then it is time to see whether somebody wants it to stop.
  private static let entriesAtOnce = 1000

  private let query: CloseQuery
  private let isJSON: Bool
  private let line: CloseLine
  private var reader: JournalReader
  private var fields: EntryFields
  private var output = ReportOutput(descriptor: STDOUT_FILENO)
  private var count: UInt64 = 0
  private var cleanCount: UInt64 = 0
  private var lostCount: UInt64 = 0
  private var entriesSinceRelease = 0
  private let began = ContinuousClock.now

  /// A follower that begins at the span's beginning, or now.
  package init(
    _ query: CloseQuery, isJSON: Bool, clock: WallClock = .local,
    terminal: Terminal = .standardOutput
  ) throws(SystemdError) {
    var reader = try JournalReader(.local, matching: query.matches)
    // Before the position: an entry between the two must not be missed.
    try reader.beginFollowing()
    try reader.seek(toMicroseconds: query.span.since ?? WallClock.now)
    self.reader = reader
    self.query = query
    self.isJSON = isJSON
    line = CloseLine(clock: clock, isColored: terminal.showsColor)
    fields = query.room(for: isJSON ? CloseJSON.fields : CloseEntry.fieldsOfLine)
  }

  /// Follows until a signal arrives or nobody reads the output any more.
  package mutating func run(until signals: borrowing StopSignals) throws(SystemdError) {
    while true {
      let isDone = try showEntries()
      guard output.flush() else { return }
      let change = try reader.wait(
        timeout: isDone ? nil : .zero, interruptedBy: [signals.descriptor],
        orHangUpOf: STDOUT_FILENO)
      if change == .interrupted { return }
    }
  }

  /// What was seen, in one line.
  package var sum: String {
    let time = (ContinuousClock.now - began) / .microseconds(1)
    let duration = ElapsedText.of(microseconds: UInt64(max(time, 0)))
    let lost = lostCount > 0 ? ", \(lostCount) records lost" : ""
    return "\(count) \(count == 1 ? "close" : "closes") in \(duration): \(cleanCount) clean, "
      + "\(count - cleanCount) abnormal\(lost)\n"
  }

  /// Shows what there is; false if there may be more.
  private mutating func showEntries() throws(SystemdError) -> Bool {
    for _ in 0..<Self.entriesAtOnce {
      guard try reader.next() else { return true }
      try JournalEntries.read(from: reader, into: &fields)
      if let kind = query.kind(of: fields) { show(kind) }
      entriesSinceRelease += 1
      if entriesSinceRelease == JournalEntries.entriesBetweenReleases {
        entriesSinceRelease = 0
        try reader.releaseMemory()
      }
    }
    return false
  }

  private mutating func show(_ kind: CloseQuery.Kind) {
    switch kind {
    case .close:
      let entry = CloseEntry(fields)
      count += 1
      if entry.isClean == true { cleanCount += 1 }
      if !isJSON { output.bytes.append(contentsOf: line.text(entry).utf8) }
    case .gap:
      let loss = LossEntry(fields)
      lostCount &+= loss.count
      if !isJSON { output.bytes.append(contentsOf: line.text(loss, at: fields.time).utf8) }
    }
    if isJSON { CloseJSON.append(fields, to: &output.bytes) }
  }
}
