// Quantiles against those of a sorted list.

import RelayTestSupport
import Testing

@testable import LoadGeneration

@Suite("Latency histogram")
struct LatencyHistogramTests {
  @Test("buckets follow each other without a gap")
  func buckets() {
    var last = -1
    for exponent in 0..<40 {
      for value in [UInt64(1) << exponent, UInt64(1) << exponent + 1, UInt64(3) << exponent / 2] {
        let bucket = LatencyHistogram.bucket(of: value)
        let edge = LatencyHistogram.upperEdge(of: bucket)
        #expect(edge >= value, "\(value) is above its bucket")
        #expect(LatencyHistogram.bucket(of: edge) == bucket, "\(value)")
        #expect(LatencyHistogram.bucket(of: edge + 1) == bucket + 1, "\(value)")
        #expect(Double(edge - value) <= Double(value) / 100 + 1, "\(value): \(edge)")
      }
      let bucket = LatencyHistogram.bucket(of: 1 << exponent)
      #expect(bucket > last)
      last = bucket
    }
  }

  @Test("quantiles are within one percent", arguments: [1, 2, 10, 1000, 50_000])
  func quantiles(count: Int) {
    var generator = SeededGenerator(seed: 42)
    var histogram = LatencyHistogram()
    var values: [UInt64] = []
    for _ in 0..<count {
      // Of all orders of magnitude.
      let value = generator.next() >> UInt64.random(in: 30..<64, using: &generator)
      values.append(value)
      histogram.record(value)
    }
    values.sort()
    for share in [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1] {
      let rank = max(1, Int((share * Double(count)).rounded(.up)))
      let exact = Double(values[rank - 1])
      let found = Double(histogram.quantile(share))
      #expect(found >= exact && found <= exact * 1.01 + 1, "\(share): \(found), not \(exact)")
    }
    #expect(histogram.maximum == values.last)
    #expect(histogram.minimum == values.first)
  }

  @Test("two histograms add up")
  func sum() {
    var (all, odd, even) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
    for value in UInt64(1)...10_000 {
      all.record(value * 1000)
      if value.isMultiple(of: 2) { even.record(value * 1000) } else { odd.record(value * 1000) }
    }
    even.add(odd)
    #expect(even.count == all.count)
    for share in [0.1, 0.5, 0.99, 1] { #expect(even.quantile(share) == all.quantile(share)) }
  }

  @Test("several that took equally long count as one by one")
  func alike() {
    var (together, single) = (LatencyHistogram(), LatencyHistogram())
    for value in UInt64(1)...100 {
      together.record(value * 1000, count: value - 1)
      for _ in 1..<value { single.record(value * 1000) }
    }
    #expect(together.count == 4950 && single.count == 4950)
    #expect(together.minimum == 2000 && single.minimum == 2000)
    for share in [0.1, 0.5, 0.99, 1] { #expect(together.quantile(share) == single.quantile(share)) }
  }

  @Test("nothing, and what is beyond all bounds")
  func extremes() {
    var histogram = LatencyHistogram()
    #expect(histogram.quantile(0.5) == 0)
    histogram.record(0)
    #expect(histogram.quantile(1) == 0)
    histogram.record(.max)
    #expect(histogram.maximum == .max)
    #expect(histogram.quantile(1) > 1_000_000_000_000)
  }
}
