// What a row of the table knows of its closes.

/// Counts of a few different values; how many others there are beyond the bound.
package struct FewCounts<Value: Hashable & Comparable & Sendable>: Sendable {
  /// Far more than a row shows.
  private static var capacity: Int { 32 }

  private var counts: [Value: UInt64] = [:]
  /// How often a value came for which there was no room.
  package private(set) var otherCount: UInt64 = 0

  package init() {}

  /// Counts one value.
  package mutating func add(_ value: Value) {
    if counts[value] == nil && counts.count >= Self.capacity {
      otherCount += 1
    } else {
      counts[value, default: 0] += 1
    }
  }

  /// The values, most frequent first.
  package var sorted: [(value: Value, count: UInt64)] {
    counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
  }
}

/// The closes of one row.
package struct CloseGroup: Counted, Sendable {
  /// How many.
  package private(set) var count: UInt64 = 0
  /// Which close codes they had.
  package private(set) var codes = FewCounts<UInt16>()
  /// Which causes they had.
  package private(set) var causes = FewCounts<String>()
  /// How long the connections had lived.
  package private(set) var lifetimes = LogarithmicHistogram()
  /// When they ended.
  package private(set) var timeline: Timeline

  package init(timeline: Timeline) { self.timeline = timeline }

  /// Adds a close.
  package mutating func add(_ entry: CloseEntry, countsCauses: Bool) {
    count += 1
    if countsCauses {
      causes.add(entry.cause.isEmpty ? "-" : entry.cause)
    } else if let code = entry.closeCode {
      codes.add(code)
    }
    if let lifetime = entry.lifetime { lifetimes.add(lifetime) }
    timeline.add(entry.time)
  }
}

/// What the rows of the table are.
package enum CloseGrouping: String, CaseIterable, Sendable {
  /// In the words of the command line.
  case code, cause, route, peer, minute
}
