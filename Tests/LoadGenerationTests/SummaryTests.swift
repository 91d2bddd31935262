// What is shown of a measurement: text, JSON that a parser takes, SVG that a parser takes.

import Foundation
import FoundationXML
import Testing

@testable import LoadGeneration

@Suite("Summary")
struct SummaryTests {
  private func measurement(_ kind: LoadKind = .echo) throws -> LoadMeasurement {
    var plan = LoadPlan(kind, try LoadTarget(url: "ws://127.0.0.1:8080/a&b"))
    plan.messages = [[UInt8](repeating: 0, count: 64)]
    var measurement = LoadMeasurement(plan: plan)
    measurement.seconds = 10
    measurement.messageCount = 1_000_000
    measurement.payloadByteCount = 64_000_000
    measurement.clientCPU = 4
    measurement.serverCPU = 5
    measurement.serverMemory = (1_000_000, 2_000_000)
    measurement.openCount = 100
    for value in UInt64(1)...100_000 { measurement.latencies.record(value * 1000) }
    for value in UInt64(1)...100 { measurement.openings.record(value * 10_000) }
    measurement.throughput = (1...100).map { ThroughputSample(time: Double($0) / 10, rate: 1e5) }
    return measurement
  }

  @Test("the figures of a good run")
  func good() throws {
    let text = Summary(try measurement()).text
    for words in [
      "echo ws://127.0.0.1:8080/a&b: 100 connections, 64 B binary, 1 in flight",
      "100,000 messages/s, 6.40 MB/s of payload, over 10.0 s", "p50 50.", "p99.99",
      "max 100 ms", "4.000 µs of CPU a message, 40 % of a CPU",
      "5.000 µs of CPU a message, 50.0 % of a CPU, 2.00 MB resident", "verified   every byte",
    ] {
      #expect(text.contains(words), "\(words) is not in\n\(text)")
    }
    #expect(!text.contains("WRONG"))
  }

  @Test("what was wrong is said instead of that all was verified")
  func faults() throws {
    var measurement = try measurement()
    measurement.faults.note(.content, "connection 3: reply 7: byte 2 of 64 is 0x63, not 0x64")
    measurement.faults.note(.content, "not shown")
    measurement.faults.note(.lost, count: 5, "5 messages never came")
    let text = Summary(measurement).text
    #expect(text.contains("WRONG      2 × content: connection 3: reply 7: byte 2 of 64"))
    #expect(text.contains("WRONG      5 × lost: 5 messages never came"))
    #expect(!text.contains("verified") && !text.contains("not shown"))
  }

  @Test("memory of a connection")
  func idle() throws {
    let text = Summary(try measurement(.idle)).text
    #expect(text.contains("10,000 B a connection"))
    #expect(text.contains("100 connections at the end"))
  }

  @Test("a client without CPU left says so")
  func limited() throws {
    var measurement = try measurement()
    measurement.clientCPU = 9.9
    #expect(Summary(measurement).text.contains("the rate is not the server's"))
  }

  @Test("JSON is JSON")
  func json() throws {
    var measurement = try measurement()
    measurement.faults.note(.closed, "said \"bye\\\u{1B}\n\"")
    let text = Summary(measurement).json.text
    let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    let object = try #require(parsed)
    #expect(object["messages_per_s"] as? Double == 100_000)
    #expect(object["client_cpu_us_per_message"] as? Double == 4)
    let server = try #require(object["server"] as? [String: Any])
    #expect(server["cpu_us_per_message"] as? Double == 5)
    let latency = try #require(object["latency_us"] as? [String: Any])
    #expect(try #require(latency["p50"] as? Double) >= 50_000)
    let faults = try #require(object["fault_kinds"] as? [String: [String: Any]])
    let first = faults["closed"]?["first"] as? String
    #expect(first == "said \"bye\\\u{1B}\n\"")
    #expect(!text.contains("\n"))
  }

  @Test("SVG is XML, with both curves inside of the picture")
  func svg() throws {
    let reader = CurveReader()
    try reader.read(Summary(try measurement()).svg)
    #expect(reader.curves.count == 2)
    for curve in reader.curves {
      #expect(curve.count > 20)
      #expect(curve.allSatisfy { (0...860).contains($0.0) && (0...720).contains($0.1) })
      #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.0 <= $1.0 })
    }
    // Latencies only rise: up is towards 0.
    #expect(zip(reader.curves[0], reader.curves[0].dropFirst()).allSatisfy { $0.1 >= $1.1 })
    #expect(reader.title.contains("a&b"))
  }

  @Test("a long URL is shortened in the middle, where its picture would end")
  func longTitle() throws {
    let url = "ws://relay.example/" + String(repeating: "x", count: 200) + "/end"
    let reader = CurveReader()
    try reader.read(Summary(LoadMeasurement(plan: LoadPlan(.echo, try LoadTarget(url: url)))).svg)
    let heading = try #require(reader.texts.first)
    #expect(heading.count == ChartSVG.maximumTitleLength)
    #expect(heading.hasPrefix("echo ws://relay.example/") && heading.hasSuffix("/end"))
    #expect(reader.title == "echo \(url)")
  }

  @Test(
    "a picture says what the summary says",
    arguments: [
      (LoadKind.echo, "latency p50 ", 3), (.churn, "lifetime p50 ", 3),
      (.idle, "open 100 connections at the end", 2),
    ])
  func pictureLines(kind: LoadKind, words: String, line: Int) throws {
    let reader = CurveReader()
    try reader.read(Summary(try measurement(kind)).svg)
    #expect(reader.texts[line].hasPrefix(words))
  }

  @Test("A run ends where its time axis does")
  func timeAxis() throws {
    var measurement = try measurement()
    measurement.throughput = (1...60).map {
      ThroughputSample(time: Double($0) / 10 + 0.002, rate: 5000)
    }
    let svg = Summary(measurement).svg
    #expect(svg.contains(">6 s<") && !svg.contains(">8 s<"))
  }

  @Test("a picture of nothing")
  func emptySVG() throws {
    let plan = LoadPlan(.idle, try LoadTarget(url: "ws://h"))
    let reader = CurveReader()
    try reader.read(Summary(LoadMeasurement(plan: plan)).svg)
    #expect(reader.curves.count == 2)
  }

  @Test(
    "numbers as people read them",
    arguments: [
      (Figures.fixed(1.006, 2), "1.01"), (Figures.fixed(-0.04, 1), "0.0"),
      (Figures.fixed(-1.26, 1), "-1.3"), (Figures.fixed(9.96, 1), "10.0"),
      (Figures.count(0), "0"), (Figures.count(999), "999"), (Figures.count(1_234_567), "1,234,567"),
      (Figures.count(-1000), "-1,000"), (Figures.time(0), "0.00 µs"),
      (Figures.time(1_234_567), "1.23 ms"), (Figures.time(999_600), "1.00 ms"),
      (Figures.time(61_000_000_000), "61.0 s"), (Figures.bytes(64), "64 B"),
      (Figures.bytes(1_500_000), "1.50 MB"), (Figures.fixed(1e300, 2), "1e+300"),
      (Figures.fixed(.infinity, 2), "inf"), (Figures.fixed(1e15, 6), "1000000000000000.0"),
    ])
  func figures(found: String, expected: String) { #expect(found == expected) }

  @Test("axes end on round numbers", arguments: [0.0, 0.003, 1, 7.3, 99, 100, 856_186])
  func axes(maximum: Double) {
    let axis = ValueAxis(maximum: maximum)
    #expect((2...9).contains(axis.ticks.count))
    #expect(axis.position(maximum) <= 1)
    #expect(maximum == 0 || axis.position(maximum) > 0.7)
  }
}

/// Reads the curves and the title out of a picture.
private final class CurveReader: NSObject, XMLParserDelegate {
  private(set) var curves: [[(Double, Double)]] = []
  private(set) var title = ""
  private(set) var texts: [String] = []
  private var element = ""

  func read(_ svg: String) throws {
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    if !parser.parse() { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    element = name
    if name == "text" { texts.append("") }
    guard name == "polyline" else { return }
    let points = (attributes["points"] ?? "").split(separator: " ").map { point in
      let numbers = point.split(separator: ",").compactMap { Double($0) }
      return (numbers.first ?? -1, numbers.last ?? -1)
    }
    curves.append(points)
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    element = ""
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    if element == "title" { title += text }
    if element == "text" { texts[texts.count - 1] += text }
  }
}
