// How durations are spread, in a fixed amount of memory: buckets whose width grows with the
// duration, so that the error of a quantile is a constant share of it. With 16 buckets for each
// doubling, a bucket is at most 6.3 % wide; the mean of what is in it is exact where all durations
// are equal, and rarely off by more than half its width where they are not.

/// Counts durations by their order of magnitude.
package struct LogarithmicHistogram: Sendable {
  /// Below a millisecond (2^10 microseconds) all durations are one; so are they above 2^46, two
  /// years.
  private static let firstExponent = 10
  private static let octaveCount = 36

  /// How many buckets a doubling of the duration has; a power of two.
  package let bucketsPerOctave: Int
  /// How many durations each bucket has.
  package private(set) var counts: [UInt32]
  /// The sum of the durations in each bucket, in microseconds.
  package private(set) var sums: [Double]
  /// How many durations there are in all.
  package private(set) var total: UInt64 = 0

  package init(bucketsPerOctave: Int = 16) {
    precondition(bucketsPerOctave > 0 && bucketsPerOctave & (bucketsPerOctave - 1) == 0)
    self.bucketsPerOctave = bucketsPerOctave
    counts = [UInt32](repeating: 0, count: 1 + Self.octaveCount * bucketsPerOctave)
    sums = [Double](repeating: 0, count: counts.count)
  }

  /// Counts a duration in microseconds and returns its bucket.
  @discardableResult
  package mutating func add(_ microseconds: UInt64) -> Int {
    let bucket = bucket(of: microseconds)
    let (count, isFull) = counts[bucket].addingReportingOverflow(1)
    if !isFull {
      counts[bucket] = count
      sums[bucket] += Double(microseconds)
    }
    total &+= 1
    return bucket
  }

  /// The bucket that a duration belongs to.
  package func bucket(of microseconds: UInt64) -> Int {
    let exponent = 63 - microseconds.leadingZeroBitCount
    guard microseconds > 0, exponent >= Self.firstExponent else { return 0 }
    guard exponent < Self.firstExponent + Self.octaveCount else { return counts.count - 1 }
    // The bits after the leading one are the position within the octave.
    let fraction = microseconds - (1 << UInt64(exponent))
    let position = Int((fraction * UInt64(bucketsPerOctave)) >> UInt64(exponent))
    return 1 + (exponent - Self.firstExponent) * bucketsPerOctave + position
  }

  /// The duration where a bucket begins, in microseconds.
  package func start(of bucket: Int) -> UInt64 {
    guard bucket > 0 else { return 0 }
    let (octave, position) = (bucket - 1).quotientAndRemainder(dividingBy: bucketsPerOctave)
    let base: UInt64 = 1 << UInt64(Self.firstExponent + octave)
    return base + base / UInt64(bucketsPerOctave) * UInt64(position)
  }

  /// The median in microseconds, as the mean of its bucket; nil without any duration.
  package var median: UInt64? {
    guard total > 0 else { return nil }
    var before: UInt64 = 0
    for (bucket, count) in counts.enumerated() {
      before += UInt64(count)
      if before * 2 >= total { return mean(of: bucket..<bucket + 1) }
    }
    return mean(of: counts.count - 1..<counts.count)
  }

  /// The mean of the durations in some buckets, in microseconds; 0 if there are none.
  package func mean(of buckets: Range<Int>) -> UInt64 {
    let count = counts[buckets].reduce(0) { $0 + UInt64($1) }
    guard count > 0 else { return 0 }
    let mean = sums[buckets].reduce(0, +) / Double(count)
    // The largest duration there is, as a floating-point number, is one too large.
    return UInt64(exactly: mean.rounded()) ?? .max
  }
}
