// Whole reports over a fixed hour: the same text for the same entries, whichever way they come.

import CloseEvents
import Foundation
import RelayTestSupport
import Systemd
import Testing

@testable import CloseReports

@Suite("Close reports")
struct CloseReportTests {
  private static let hour = TimeSpan(since: sampleStart, until: sampleStart + 3600 * second)
  private static let blocks = Terminal(isTerminal: false) { $0 == "LANG" ? "C.UTF-8" : nil }
  private static let ascii = Terminal(isTerminal: false) { _ in nil }

  private static func report(
    _ input: CloseInput, span: TimeSpan = hour, route: String? = nil, terminal: Terminal = blocks
  ) -> CloseReport {
    CloseReport(
      CloseQuery(span: span, route: route), of: input, clock: .utc, terminal: terminal)
  }

  private static func golden(_ name: String) throws -> String {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    return try String(
      contentsOf: folder.appendingPathComponent("Golden/\(name).txt"), encoding: .utf8)
  }

  private static func export(_ bytes: [UInt8], in directory: JournalDirectory) throws -> CloseInput
  {
    var warnings: [String] = []
    return try CloseInput.open(directory.write(bytes, to: "export"), warnings: &warnings)
  }

  @Test("The table, for each grouping", arguments: CloseGrouping.allCases)
  func tables(grouping: CloseGrouping) throws {
    let directory = try JournalDirectory()
    var report = Self.report(try Self.export(ExportText.hour.bytes, in: directory))
    let text = report.text(of: try report.tally(by: grouping))
    #expect(text == (try Self.golden(grouping.rawValue)))
    #expect(report.remarks == [])
    for line in text.split(separator: "\n") {
      #expect(line.count <= 100 && line.last != " ")
    }
  }

  @Test("One route, without UTF-8")
  func route() throws {
    let directory = try JournalDirectory()
    var report = Self.report(
      try Self.export(ExportText.hour.bytes, in: directory), route: "/echo", terminal: Self.ascii)
    let text = report.text(of: try report.tally(by: .cause))
    #expect(text == (try Self.golden("route-ascii")))
    #expect(text.utf8.allSatisfy { $0 < 0x80 })
  }

  @Test("A journal, a directory of journals and an export give the same report")
  func inputs() throws {
    let directory = try JournalDirectory()
    let journal = try directory.journal(of: .hour)
    for path in [journal, directory.path, "\(journal).export"] {
      for (route, name) in [(nil, "cause"), ("/echo", "route-ascii")] {
        var warnings: [String] = []
        var report = Self.report(
          try CloseInput.open(path, warnings: &warnings), route: route,
          terminal: route == nil ? Self.blocks : Self.ascii)
        #expect(report.text(of: try report.tally(by: .cause)) == (try Self.golden(name)))
        #expect(warnings + report.remarks == [])
      }
    }
  }

  @Test("Only what lies in the span is counted, its ends among it")
  func span() throws {
    let directory = try JournalDirectory()
    let journal = try directory.journal(of: .hour)
    let span = TimeSpan(since: sampleStart + 30 * second, until: sampleStart + 90 * second)
    for path in [journal, "\(journal).export"] {
      var warnings: [String] = []
      var report = Self.report(try CloseInput.open(path, warnings: &warnings), span: span)
      #expect(try report.tally(by: .cause).count == 3)
    }
  }

  @Test("JSON has one object a line, numbers as numbers, and nothing else")
  func json() throws {
    let directory = try JournalDirectory()
    let journal = try directory.journal(of: .hour)
    var warnings: [String] = []
    var texts: [String] = []
    for path in [journal, "\(journal).export"] {
      let file = "\(directory.path)/out"
      let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      defer { close(descriptor) }
      var report = Self.report(try CloseInput.open(path, warnings: &warnings))
      var output = ReportOutput(descriptor: descriptor)
      #expect(try report.writeJSON(to: &output) == 121)
      texts.append(try String(contentsOfFile: file, encoding: .utf8))
    }
    #expect(texts.first == texts.last)
    let objects = try (texts.first ?? "").split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
    #expect(objects.count == 121)
    let first = try #require(objects.first)
    #expect(first["time"] as? String == "2026-11-24T10:00:00.000000Z")
    #expect(first["realtime_usec"] as? UInt64 == sampleStart)
    #expect(first["event"] as? String == "close")
    #expect(first["close_code"] as? Int == 1000)
    #expect(first["clean"] as? Bool == true)
    #expect(first["duration_usec"] as? Int == 30_000_000)
    #expect(first["peer_port"] as? Int == 51234)
    #expect(first["connection_id"] as? String == "0000000000001004")
    let gap = try #require(objects.first { $0["event"] as? String == "gap" })
    #expect(gap["lost"] as? Int == 130)
    #expect(gap["lost_by_cause"] as? String == "peer-reset=100 drain=23 reject=7")
  }

  @Test("Names in JSON are those of the fields, and there are no two of them")
  func jsonNames() {
    let names = CloseJSON.fields.map(CloseJSON.name)
    #expect(Set(names).count == names.count)
    #expect(!names.contains("time") && !names.contains("realtime_usec"))
    #expect(names.contains("errno") && names.contains("errno_name"))
    #expect(CloseJSON.name(of: .duration) == "duration_usec")
  }

  @Test("Hostile text in JSON is text in JSON")
  func hostileJSON() throws {
    var output: [UInt8] = []
    CloseJSON.append(.of([.message: "\"\\\u{1B}\n\u{2028}", .closeCode: "1e9"]), to: &output)
    let object = try JSONSerialization.jsonObject(with: Data(output)) as? [String: Any]
    #expect(
      object?["message"] as? String == "\"\\\\x1b\\x0a\\u{2028}")
    #expect(object?["close_code"] == nil)
    #expect(output.last == 0x0A && output.filter { $0 == 0x0A }.count == 1)
  }

  @Test("Nothing there is said with what to do")
  func nothing() throws {
    let directory = try JournalDirectory()
    var report = Self.report(try Self.export([], in: directory))
    let text = report.text(of: try report.tally(by: .cause))
    #expect(text.hasPrefix("No closes in \(directory.path)/export from 2026-11-24 10:00:00 to 11"))
    var local = Self.report(.local, route: "/x")
    local.input = .local
    let empty = CloseTally(by: .cause, span: Self.hour, clock: .utc)
    #expect(local.text(of: empty).contains("for route /x"))
    #expect(local.text(of: empty).contains("--since -1d"))
  }

  @Test("Lines of a close, with and without a message, by gravity")
  func lines() {
    let plain = CloseLine(clock: .utc, isColored: false)
    #expect(
      plain.text(
        .sample {
          $0.message = "closed 1006"; $0.detail = "a=1"
        })
        == "10:00:00 closed 1006 (a=1)\n")
    #expect(
      plain.text(
        .sample {
          $0.peer = "2001:db8::1"; $0.peerPort = 7; $0.receivedMessageCount = 1
        })
        == "10:00:00 closed 1006 peer-reset /chat/{room} [2001:db8::1]:7 after 3m12s, idle 41s, "
        + "rx 1\n"
    )
    #expect(plain.text(.sample { $0.peer = "2001:db8::1" }).contains(" 2001:db8::1 after "))
    #expect(plain.text(CloseEntry()) == "00:00:00 closed - - - -\n")
    let colored = CloseLine(clock: .utc, isColored: true)
    #expect(colored.text(.sample { $0.priority = 3 }).contains("\u{1B}[31mclosed"))
    #expect(colored.text(.sample { $0.priority = 4 }).contains("\u{1B}[33mclosed"))
    #expect(colored.text(.sample(isClean: true)).contains("\u{1B}") == false)
  }
}
