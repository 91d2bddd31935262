// All closes of a span, counted: what the table and the hints are made of. Its memory does not
// depend on how many there are.

import WebSocketProtocol

/// The closes of a span by one property.
package struct CloseTally: Sendable {
  /// How many groups are kept; a table shows far fewer. Each takes about 8 KB.
  static let maximumGroupCount = 1024

  /// What the groups are.
  package let grouping: CloseGrouping
  /// The calendar that minutes are named by.
  package let clock: WallClock
  /// How many closes there were.
  package private(set) var count: UInt64 = 0
  /// How many of them were clean.
  package private(set) var cleanCount: UInt64 = 0
  /// The closes by group.
  package private(set) var groups = BoundedGroups<CloseGroup>(capacity: Self.maximumGroupCount)
  /// What hints are drawn from.
  package private(set) var evidence = HintEvidence()
  /// The time of the first close, in microseconds since 1970; nil if there is none.
  package private(set) var firstTime: UInt64?
  /// The time of the last.
  package private(set) var lastTime: UInt64 = 0
  /// How many records were lost.
  package private(set) var lostCount: UInt64 = 0
  /// How many of which kind, as far as that is known.
  package private(set) var lost: [String: UInt64] = [:]

  private let span: TimeSpan
  /// The minute of the latest entry and its name: many entries have the same.
  private var minute: (number: UInt64, name: String) = (0, "")

  /// An empty tally; `span` is what was asked for.
  package init(by grouping: CloseGrouping, span: TimeSpan = .all, clock: WallClock) {
    self.grouping = grouping
    self.span = span
    self.clock = clock
  }

  /// Counts a close.
  package mutating func add(_ entry: CloseEntry) {
    count += 1
    if entry.isClean == true { cleanCount += 1 }
    let first = firstTime ?? entry.time
    firstTime = min(first, entry.time)
    lastTime = max(lastTime, entry.time)
    let isByCode = grouping == .code
    let timeline = Timeline(origin: span.since ?? first, span: span.length ?? 0)
    groups.update(key(of: entry), initial: CloseGroup(timeline: timeline)) {
      $0.add(entry, countsCauses: isByCode)
    }
    evidence.add(entry)
  }

  /// Counts records that are missing.
  package mutating func add(_ loss: LossEntry) {
    lostCount = lostCount.addingReportingOverflow(loss.count).partialValue
    // Kinds are few; whoever forges more of them does not get more memory.
    for (kind, count) in loss.byKind where lost[kind] != nil || lost.count < 64 {
      lost[kind, default: 0] &+= count
    }
  }

  /// The span that was asked for, with its ends where the closes are if it has none of its own.
  package var shownSpan: (since: UInt64, until: UInt64) {
    (span.since ?? firstTime ?? 0, span.until ?? lastTime)
  }

  private mutating func key(of entry: CloseEntry) -> String {
    let text =
      switch grouping {
      case .code: entry.closeCode.map { "\($0) \(CloseCode(rawValue: $0).name)" } ?? ""
      case .cause: entry.cause
      case .route: entry.route
      case .peer: entry.peer
      case .minute: minuteName(of: entry.time)
      }
    return text.isEmpty ? "-" : text
  }

  private mutating func minuteName(of time: UInt64) -> String {
    let number = time / 60_000_000
    if number != minute.number || minute.name.isEmpty {
      minute = (number, "\(clock.date(time)) \(clock.minute(time))")
    }
    return minute.name
  }
}

/// A span of time, in microseconds since 1970; an end that is nil is open.
package struct TimeSpan: Sendable, Equatable {
  /// The first moment that belongs to it.
  package var since: UInt64?
  /// The last moment that belongs to it.
  package var until: UInt64?

  package init(since: UInt64? = nil, until: UInt64? = nil) {
    self.since = since
    self.until = until
  }

  /// All times.
  package static let all = TimeSpan()

  /// Whether a moment belongs to it.
  package func contains(_ time: UInt64) -> Bool {
    time >= since ?? 0 && time <= until ?? .max
  }

  /// Its length; nil if an end is open.
  package var length: UInt64? {
    guard let since, let until else { return nil }
    return until > since ? until - since : 0
  }
}
