// How latencies are spread, from nanoseconds to minutes, in 40 KiB: the log-linear buckets of an
// HDR histogram. Every bucket is less than 1 % of its value wide, so every quantile is that exact.

/// Counts latencies in nanoseconds.
package struct LatencyHistogram: Sendable {
  /// Buckets for each doubling: 2^7.
  private static let precisionBits = 7
  private static let bucketsPerOctave = 1 << precisionBits
  /// Latencies from 2^40 ns on, 18 minutes, are one.
  private static let octaveCount = 40 - precisionBits + 1

  private var counts = [UInt64](repeating: 0, count: (octaveCount + 1) << precisionBits)
  /// How many were counted.
  package private(set) var count: UInt64 = 0
  /// The largest one, exactly; 0 without any.
  package private(set) var maximum: UInt64 = 0
  /// The smallest one, exactly; `UInt64.max` without any.
  package private(set) var minimum = UInt64.max

  package init() {}

  /// Counts one, or several that took equally long.
  @inline(__always)
  package mutating func record(_ nanoseconds: UInt64, count newCount: UInt64 = 1) {
    guard newCount > 0 else { return }
    counts[Self.bucket(of: nanoseconds)] &+= newCount
    count &+= newCount
    if nanoseconds > maximum { maximum = nanoseconds }
    if nanoseconds < minimum { minimum = nanoseconds }
  }

  @inline(__always)
  static func bucket(of value: UInt64) -> Int {
    if value < UInt64(bucketsPerOctave) { return Int(value) }
    let exponent = 63 &- value.leadingZeroBitCount
    let octave = exponent &- precisionBits
    if octave >= octaveCount { return (octaveCount + 1) << precisionBits - 1 }
    // The bits behind the leading one tell the buckets of an octave apart.
    return (octave &+ 1) << precisionBits | Int(value >> UInt64(octave)) & (bucketsPerOctave - 1)
  }

  /// The largest value of a bucket.
  static func upperEdge(of bucket: Int) -> UInt64 {
    if bucket < bucketsPerOctave { return UInt64(bucket) }
    let octave = bucket >> precisionBits - 1
    let position = bucket & (bucketsPerOctave - 1) | bucketsPerOctave
    return (UInt64(position) + 1) << UInt64(octave) - 1
  }

  /// Adds what another has counted.
  package mutating func add(_ other: LatencyHistogram) {
    for (index, count) in other.counts.enumerated() where count > 0 { counts[index] += count }
    count += other.count
    maximum = max(maximum, other.maximum)
    minimum = min(minimum, other.minimum)
  }

  /// The latency in nanoseconds that a share of all, 0 to 1, does not exceed; 0 without any.
  package func quantile(_ share: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    let wanted = max(1, (share * Double(count)).rounded(.up))
    var seen: UInt64 = 0
    for (bucket, count) in counts.enumerated() where count > 0 {
      seen += count
      if Double(seen) >= wanted { return min(Self.upperEdge(of: bucket), maximum) }
    }
    return maximum
  }
}
