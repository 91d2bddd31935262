// Whether durations are all but equal, as those are that a timer ended. People's lifetimes are
// spread over orders of magnitude; a proxy's timeout is within a few parts in a thousand.

/// Finds the narrow band that most of many durations lie in.
struct NarrowBand: Sendable {
  /// The durations of a band.
  struct Finding: Sendable, Equatable {
    /// How many are in it.
    let count: UInt64
    /// Their mean, in microseconds.
    let mean: UInt64
    /// How many of them were marked.
    let markedCount: UInt64
  }

  /// A bucket is at most 0.8 % wide, three of them are 2.4 %: a timer's jitter, and no more.
  private static let bucketsPerOctave = 128
  private static let bandBucketCount = 3
  /// Below that, equal lifetimes say nothing of a timer: whoever connects and leaves is as quick.
  private static let shortest: UInt64 = 1_000_000

  private var histogram = LogarithmicHistogram(bucketsPerOctave: bucketsPerOctave)
  private var marked: [UInt32]

  init() {
    marked = [UInt32](repeating: 0, count: histogram.counts.count)
  }

  /// How many durations there are in all.
  var total: UInt64 { histogram.total }

  /// Adds a duration in microseconds.
  mutating func add(_ microseconds: UInt64, isMarked: Bool = false) {
    let bucket = histogram.add(microseconds)
    if isMarked { marked[bucket] &+= 1 }
  }

  /// The band with most durations; nil if none is long enough.
  var densest: Finding? {
    let counts = histogram.counts
    let first = histogram.bucket(of: Self.shortest)
    // The last bucket takes whatever is longer: not a narrow one.
    let last = counts.count - 1 - Self.bandBucketCount
    let sizes = (first..<last).map { start in
      (start, counts[start..<start + Self.bandBucketCount].reduce(0) { $0 + UInt64($1) })
    }
    guard let (start, count) = sizes.max(by: { $0.1 < $1.1 }), count > 0 else { return nil }
    let range = start..<start + Self.bandBucketCount
    return Finding(
      count: count, mean: histogram.mean(of: range),
      markedCount: marked[range].reduce(0) { $0 + UInt64($1) })
  }
}
