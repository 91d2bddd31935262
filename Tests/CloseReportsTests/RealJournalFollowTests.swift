// `wsrelay closes` beside a real journald: what is recorded is shown, also after a rotation.
// Tests/journald-run.sh swift test --filter RealJournal

import CloseEvents
import Foundation
import RelayTestSupport
import Systemd
import Testing

@testable import CloseReports

@Suite(
  "RealJournalFollow", .serialized,
  .enabled(
    if: ProcessInfo.processInfo.environment["WSRELAY_REAL_JOURNAL"] == "1",
    "needs a journald of its own: Tests/journald-run.sh swift test --filter RealJournal"))
struct RealJournalFollowTests {
  /// `wsrelay closes` as a process whose lines are awaited.
  private final class Command {
    private let process = Process()
    private let output = Pipe()
    private let errors = Pipe()
    private var buffer: [UInt8] = []

    init(_ arguments: [String]) throws {
      // Tests/CloseReportsTests/RealJournalFollowTests.swift: three components up.
      var root = URL(fileURLWithPath: #filePath)
      for _ in 0..<3 { root.deleteLastPathComponent() }
      process.executableURL = root.appendingPathComponent(".build/debug/wsrelay")
      process.arguments = ["closes"] + arguments
      process.environment = ["LANG": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/bin"]
      process.standardOutput = output
      process.standardError = errors
      try process.run()
    }

    /// The next line but for those of gaps, which other suites beside this one bring about.
    func line() -> String? {
      while let line = anyLine() {
        if !line.contains(" lost ") && !line.contains("\"event\":\"gap\"") { return line }
      }
      return nil
    }

    /// The next line; nil at the end, and when none comes within ten seconds.
    private func anyLine() -> String? {
      while true {
        if let end = buffer.firstIndex(of: 0x0A) {
          defer { buffer.removeSubrange(...end) }
          return String(decoding: buffer[..<end], as: UTF8.self)
        }
        let descriptor = output.fileHandleForReading.fileDescriptor
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&wanted, 1, 10_000) > 0 else { return nil }
        let data = output.fileHandleForReading.availableData
        if data.isEmpty { return nil }
        buffer += data
      }
    }

    func closeOutput() throws { try output.fileHandleForReading.close() }

    func interrupt() { kill(process.processIdentifier, SIGINT) }

    /// Waits for the end; returns the status and what was said on standard error.
    func end() -> (status: Int32, errors: String) {
      let said = errors.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (process.terminationStatus, String(decoding: said, as: UTF8.self))
    }
  }

  private static func send(_ number: Int, route: String = "/follow", event: String = "close") throws
  {
    var bytes: [UInt8] = []
    var fields: [Range<Int>] = []
    for field in [
      "MESSAGE=closed 1006 made-up number \(number)\u{1B}[31m", "PRIORITY=5",
      "SYSLOG_IDENTIFIER=wsrelay", "WSRELAY_EVENT=\(event)", "WSRELAY_CLOSE_CODE=1006",
      "WSRELAY_CLEAN=\(number % 2 == 0 ? "yes" : "no")", "WSRELAY_CAUSE=made-up",
      "WSRELAY_ROUTE=\(route)", "WSRELAY_DURATION_USEC=\(number)",
    ] {
      let start = bytes.count
      bytes += field.utf8
      fields.append(start..<bytes.count)
    }
    try bytes.withUnsafeBytes { try Journal.send($0, fields: fields) }
  }

  private static func journalctl(_ argument: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/journalctl")
    process.arguments = [argument]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "journalctl \(argument)")
  }

  @Test("Closes are shown as they come, over a rotation, until Ctrl-C")
  func follow() throws {
    // An entry of before, so that there is a journal; --since makes the first line certain.
    let since = WallClock.now
    try Self.send(0)
    try Self.journalctl("--sync")
    let command = try Command(["--follow", "--route", "/follow", "--since", "@\(since / second)"])
    var number = 0
    while let line = command.line(), !line.contains("number 0") { number += 1 }
    for number in 1...3 {
      try Self.send(number, route: "/other")
      try Self.send(number, event: "other")
      try Self.send(number)
      let line = try #require(command.line())
      #expect(line.hasSuffix(" closed 1006 made-up number \(number)\\x1b[31m"), "\(line)")
      try Self.journalctl("--rotate")
    }
    command.interrupt()
    #expect(command.line() == nil)
    let (status, errors) = command.end()
    #expect(status == 0)
    #expect(errors.contains("closes in ") && errors.contains(" clean, "))
  }

  @Test("JSON is followed, and a reader that goes away ends it")
  func followJSON() throws {
    let since = WallClock.now
    try Self.send(10, route: "/json")
    let command = try Command(
      ["--follow", "--json", "--route", "/json", "--since", "@\(since / second)"])
    let line = try #require(command.line())
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    #expect(object?["duration_usec"] as? Int == 10)
    try command.closeOutput()
    #expect(command.end().errors.hasPrefix("1 close in "))
  }

  @Test("The table of this machine's journal")
  func table() throws {
    for number in 0..<30 { try Self.send(number, route: "/table") }
    try Self.journalctl("--sync")
    let command = try Command(["--route", "/table"])
    let head = try #require(command.line())
    #expect(head.hasPrefix("30 closes from "))
    #expect(head.hasSuffix(": 15 clean, 15 abnormal (50.0 %)"))
    while command.line() != nil {}
    #expect(command.end().status == 0)
  }

  @Test("A signal and the time end a wait; an entry ends it too")
  func wait() throws {
    var reader = try JournalReader(.local, matching: [.field("WSRELAY_ROUTE", equals: "/wait")])
    try reader.beginFollowing()
    try reader.seek(toMicroseconds: WallClock.now)
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForReading.fileDescriptor
    pipe.fileHandleForWriting.write(Data([1]))
    #expect(try reader.wait(timeout: .seconds(10), interruptedBy: [descriptor]) == .interrupted)
    try Self.send(1, route: "/wait")
    let deadline = ContinuousClock.now + .seconds(10)
    while try !reader.next() {
      try #require(ContinuousClock.now < deadline)
      _ = try reader.wait(timeout: .seconds(1))
    }
    #expect(try reader.value(of: "WSRELAY_DURATION_USEC") == Array("1".utf8))
  }
}
