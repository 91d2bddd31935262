// The bounded measures that tallies are made of.

import RelayTestSupport
import Testing

@testable import CloseReports

@Suite("Bounded measures")
struct MeasureTests {
  @Test("A median is right within 3.2 % whatever the durations")
  func median() throws {
    var generator = SeededGenerator(seed: 3)
    for exponent in 10..<45 {
      var histogram = LogarithmicHistogram()
      let low: UInt64 = 1 << UInt64(exponent)
      let values = (0..<501).map { _ in UInt64.random(in: low..<2 * low, using: &generator) }
      for value in values { histogram.add(value) }
      let exact = Double(values.sorted()[250])
      let found = Double(try #require(histogram.median))
      #expect(abs(found - exact) <= exact * 0.032, "\(found) for \(exact)")
    }
  }

  @Test("Every duration lies in the bucket that it is counted in", arguments: [16, 128])
  func buckets(bucketsPerOctave: Int) {
    let histogram = LogarithmicHistogram(bucketsPerOctave: bucketsPerOctave)
    var generator = SeededGenerator(seed: 4)
    for exponent in 0..<64 {
      let low: UInt64 = 1 << UInt64(exponent)
      for value in [
        low, low &* 2 &- 1, UInt64.random(in: low...(low - 1 + low), using: &generator),
      ] {
        let bucket = histogram.bucket(of: value)
        #expect(histogram.start(of: bucket) <= value)
        let isLast = bucket == histogram.counts.count - 1
        #expect(isLast || value < histogram.start(of: bucket + 1))
      }
    }
    #expect(histogram.bucket(of: 0) == 0)
  }

  @Test("A narrow band is found with its mean, however many others there are around")
  func band() throws {
    var band = NarrowBand()
    for number in 0..<100 { band.add(60 * second + UInt64(number) * 1000, isMarked: number < 90) }
    for number in 1...40 { band.add(UInt64(number) * 3 * second) }
    let found = try #require(band.densest)
    #expect(found.count >= 100 && found.count <= 101)
    #expect((59_900_000...60_100_000).contains(found.mean))
    #expect(found.markedCount == 90)
    var short = NarrowBand()
    for _ in 0..<100 { short.add(1000) }
    #expect(short.densest == nil)
  }

  @Test("A timeline of unknown length keeps every event, and where it was")
  func timeline() {
    var timeline = Timeline(origin: sampleStart)
    for seconds in 0..<86_400 as Range<UInt64> { timeline.add(sampleStart + seconds * second) }
    let columns = timeline.columns(24, until: sampleStart + 86_400 * second)
    #expect(abs(columns.reduce(0, +) - 86_400) < 0.01)
    #expect(columns.allSatisfy { abs($0 - 3600) < 400 })
    timeline.add(.max)
    timeline.add(0)
    #expect(abs(timeline.columns(8, until: .max).reduce(0, +) - 86_402) < 0.01)
  }

  @Test("A known span divides evenly", arguments: [24, 20, 16, 12])
  func evenColumns(count: Int) {
    var timeline = Timeline(origin: sampleStart, span: 3600 * second)
    for seconds in 0..<3600 as Range<UInt64> { timeline.add(sampleStart + seconds * second) }
    let columns = timeline.columns(count, until: sampleStart + 3600 * second)
    #expect(Sparkline(.blocks).draw(columns) == String(repeating: "█", count: count))
  }

  @Test("Bars have eight heights; nothing is a blank")
  func sparkline() {
    let counts: [Double] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    #expect(Sparkline(.blocks).draw(counts) == " ▁▂▃▄▅▆▇█")
    #expect(Sparkline(.ascii).draw(counts) == " .:-=+*#@")
    #expect(Sparkline(.blocks).draw([]) == "")
    #expect(Sparkline(.blocks).draw([0, 0]) == "")
  }

  @Test("Of any number of groups, those with most stay, and none is counted twice")
  func groups() {
    var groups = BoundedGroups<UInt64>(capacity: 100)
    for number in 0..<20_000 {
      groups.update("large \(number % 10)", initial: 0) { $0 += 1 }
      groups.update("small \(number)", initial: 0) { $0 += 1 }
    }
    #expect(groups.groups.count <= 100)
    #expect(groups.isApproximate)
    for number in 0..<10 { #expect(groups.groups["large \(number)"] == 2000) }
    #expect(groups.groups.values.reduce(groups.restCount, +) == 40_000)
    #expect(groups.largest?.key == "large 0")
  }

  @Test("The densest window is found wherever it is")
  func storm() {
    var storm = StormWindow()
    for minute in 0..<60 as Range<UInt64> { storm.add(sampleStart + minute * 60 * second) }
    for number in 0..<100 as Range<UInt64> {
      storm.add(sampleStart + 3600 * second + number * second / 20)
    }
    storm.add(sampleStart + 7200 * second)
    #expect(storm.largestCount == 100)
    #expect(storm.total == 161)
    let end = storm.largestStart + StormWindow.length * second
    #expect(storm.largestStart <= sampleStart + 3600 * second)
    #expect(end > sampleStart + 3604 * second)
    storm.add(0)
    storm.add(.max)
    storm.add(.max)
    #expect(storm.largestCount == 100)
  }

  @Test("Networks are named in the sizes of a site")
  func networks() {
    #expect(PeerNetwork.name(of: "192.0.2.7") == "192.0.2.0/24")
    #expect(PeerNetwork.name(of: "2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64")
    #expect(PeerNetwork.name(of: "::1") == "::/64")
    for text in ["unix", "", "1.2.3", "1.2.3.4.5", "x", "\\x1b"] {
      #expect(PeerNetwork.name(of: text) == nil)
    }
  }

  @Test("A terminal shows what its environment says it can")
  func terminal() {
    let utf8 = ["LANG": "en_US.UTF-8", "TERM": "xterm"]
    #expect(Terminal(isTerminal: true) { utf8[$0] }.showsColor)
    #expect(Terminal(isTerminal: true) { utf8[$0] }.bars == .blocks)
    #expect(!Terminal(isTerminal: false) { utf8[$0] }.showsColor)
    #expect(!Terminal(isTerminal: true) { $0 == "NO_COLOR" ? "1" : nil }.showsColor)
    #expect(Terminal(isTerminal: true) { $0 == "NO_COLOR" ? "" : nil }.showsColor)
    #expect(!Terminal(isTerminal: true) { $0 == "TERM" ? "dumb" : nil }.showsColor)
    #expect(Terminal(isTerminal: true) { $0 == "LC_ALL" ? "C" : utf8[$0] }.bars == .ascii)
    #expect(Terminal(isTerminal: true) { _ in nil }.bars == .ascii)
  }
}
