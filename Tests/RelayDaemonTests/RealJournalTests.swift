// Records through a real journald and back: what journalctl shows is what was recorded.
// Tests/journald-run.sh swift test --filter RealJournal

import CloseEvents
import Foundation
import RelayConfiguration
import Testing

@testable import RelayCore
@testable import RelayDaemon

@Suite(
  "RealJournal",
  .serialized,
  .enabled(
    if: ProcessInfo.processInfo.environment["WSRELAY_REAL_JOURNAL"] == "1",
    "needs a journald of its own: Tests/journald-run.sh swift test --filter RealJournal"))
struct RealJournalTests {
  private typealias Fields = [String: String]

  private static func journal(capacity: Int = 100_000) throws -> CloseJournal {
    var log = Configuration.builtIn.log
    log.target = .journal
    return try CloseJournal(log: log, capacity: capacity)
  }

  /// What journalctl has for some matches, oldest first.
  private static func read(_ matches: String...) throws -> [Fields] {
    try run("journalctl", ["--sync"])
    let options = ["-o", "json", "--all", "--quiet", "--no-pager"]
    let output = try run("journalctl", options + matches)
    return try output.split(separator: UInt8(ascii: "\n")).map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
      return try #require(object).mapValues { value in
        // journalctl shows a value as numbers if it finds it unprintable: such a value would not
        // be equal to any text.
        value as? String ?? "\(value)"
      }
    }
  }

  @discardableResult
  private static func run(_ command: String, _ arguments: [String]) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [command] + arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(command) \(arguments) failed")
    return data
  }

  /// Our own fields of an entry that was read back.
  private static func own(_ fields: Fields) -> Fields {
    let names = Set(JournalField.allCases.map(\.rawValue))
    return fields.filter { names.contains($0.key) || $0.key.hasPrefix("WSRELAY_") }
  }

  @Test("One closed record of every cause comes back, field by field")
  func closes() throws {
    let journal = try Self.journal()
    var expected: [Fields] = []
    for (index, cause) in CloseCause.allCases.enumerated() {
      let id = 0x1000 + UInt64(index)
      for closed in [
        ClosedConnection.complete(cause: cause, connectionID: id),
        ClosedConnection.sample(cause: cause, connectionID: id + 0x100),
      ] {
        journal.record(.closed(closed))
        expected.append(JournalEntry.of(closed).dictionary)
      }
    }
    #expect(journal.close(deadline: .seconds(60)).written == expected.count)
    let entries = try Self.read("WSRELAY_EVENT=close", "WSRELAY_ROUTE=/chat/{room}")
    #expect(entries.map(Self.own) == expected)
    for cause in CloseCause.allCases {
      #expect(try Self.read("MESSAGE_ID=\(cause.messageID)").count == 2)
      #expect(try Self.read("WSRELAY_CAUSE=\(cause.slug)").count == 2)
    }
  }

  @Test("Refused, opened, start, drain, reload, gap and plain messages come back")
  func others() throws {
    let journal = try Self.journal()
    journal.record(.refused(.sample()))
    journal.record(.opened(.sample))
    journal.report(DaemonReport(event: .start, message: "wsrelay 1.0 started"))
    journal.report(DaemonReport(event: .drain, message: "stopping"))
    journal.report(.reloadFailed("no", errorCount: 2, connectionCount: 7))
    journal.notice("grüße\u{1B}[31m")
    #expect(journal.close(deadline: .seconds(60)).written == 6)
    let reject = try Self.read("WSRELAY_EVENT=reject")
    #expect(reject.map(Self.own) == [JournalEntry.of(.refused(.sample())).dictionary])
    let open = try Self.read("WSRELAY_EVENT=open")
    #expect(open.map(Self.own) == [JournalEntry.of(.opened(.sample)).dictionary])
    for event in [RecordEvent.start, .drain, .reload] {
      let entries = try Self.read("WSRELAY_EVENT=\(event.rawValue)")
      #expect(entries.count == 1)
      #expect(entries.first?["MESSAGE_ID"] == event.messageID)
      #expect(entries.first?["SYSLOG_IDENTIFIER"] == "wsrelay")
      #expect(entries.first?["PRIORITY"] == (event == .reload ? "3" : "5"))
    }
    #expect(try Self.read("MESSAGE=grüße\\x1b[31m").count == 1)
  }

  @Test("A stopped journald holds up nobody; what did not fit becomes a gap")
  func stoppedJournald() throws {
    let variable = ProcessInfo.processInfo.environment["WSRELAY_JOURNALD_PROCESS"]
    let journald = try #require(variable.flatMap { Int32($0) })
    let capacity = 2000
    let journal = try Self.journal(capacity: capacity)
    kill(journald, SIGSTOP)
    let clock = ContinuousClock()
    var slowest = Duration.zero
    // More than fits into the queue and the socket's buffer together.
    let count: UInt64 = 40_000
    for id in 0..<count {
      let closed = ClosedConnection.sample(cause: .shed, connectionID: id) { $0.route = "/stopped" }
      slowest = max(slowest, clock.measure { journal.record(.closed(closed)) })
    }
    let lost = journal.counts.lost
    kill(journald, SIGCONT)
    let counts = journal.close(deadline: .seconds(60))
    #expect(lost > 0 && counts.lost == lost)
    #expect(counts.written + counts.lost == Int(count))
    #expect(slowest < .seconds(1), "the writer was blocked, and so was a recorder")
    let entries = try Self.read("WSRELAY_ROUTE=/stopped")
    #expect(entries.count == counts.written)
    let gaps = try Self.read("WSRELAY_EVENT=gap")
    #expect(gaps.count == counts.gaps)
    let told = gaps.compactMap { $0["WSRELAY_LOST"].flatMap { Int($0) } }.reduce(0, +)
    #expect(told == lost)
    #expect(gaps.allSatisfy { $0["WSRELAY_LOST_BY_CAUSE"]?.hasPrefix("shed=") == true })
  }
}
