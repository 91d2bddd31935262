// The records of the daemon's own life: their words, and their figures as fields.

import CloseEvents
import RelayConfiguration
import RelayCore
import RelayEngine
import Testing

@testable import RelayDaemon

@Suite("The daemon's own records")
struct DaemonReportTests {
  static let started = DaemonReport.started(
    .builtIn, workerCount: 2, descriptorLimit: 1024, maximumConnectionCount: 960)
  static let failed = DaemonReport.reloadFailed(
    "bind: EADDRINUSE", errorCount: 0, connectionCount: 7)
  static let draining = DaemonReport.draining(connectionCount: 7, Configuration.builtIn.drain)
  static let stopped = DaemonReport.stopped(
    closed: CloseCounts.Counts(all: 7, clean: 5), within: .milliseconds(1500))

  static let restarted = DaemonReport.restarted(
    AdoptionSummary(adoptedCount: 7, closedCount: 1, pause: 250_000, program: "0.0.9"))

  static var reloaded: DaemonReport {
    var new = Configuration.builtIn
    new.threadCount = 3
    new.routes.removeLast()
    return .reloaded(ReloadChanges(from: .builtIn, to: new), connectionCount: 7)
  }

  static func fields(of report: DaemonReport) -> [String: String] {
    JournalEntry.of(report).dictionary
  }

  @Test("start")
  func start() {
    #expect(
      Self.fields(of: Self.started) == [
        "MESSAGE": "started: listening on 127.0.0.1:8080, 3 routes, 2 workers, "
          + "descriptor limit 1024",
        "MESSAGE_ID": RecordEvent.start.messageID ?? "", "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": "wsrelay", "WSRELAY_EVENT": "start",
        "WSRELAY_VERSION": Version.current, "WSRELAY_LISTENERS": "1", "WSRELAY_ROUTES": "3",
        "WSRELAY_WORKERS": "2", "WSRELAY_DESCRIPTOR_LIMIT": "1024",
        "WSRELAY_MAX_CONNECTIONS": "960",
      ])
  }

  @Test("reload, good and bad")
  func reload() {
    let good = Self.fields(of: Self.reloaded)
    #expect(
      good["MESSAGE"] == "reloaded: route /room/{name} removed, threads needs a restart")
    #expect(good["WSRELAY_RESULT"] == "applied" && good["PRIORITY"] == "5")
    #expect(good["WSRELAY_ROUTES_REMOVED"] == "1" && good["WSRELAY_ROUTES_ADDED"] == "0")
    #expect(good["WSRELAY_RESTART_NEEDED"] == "threads" && good["WSRELAY_CONNECTIONS"] == "7")
    let bad = Self.fields(of: Self.failed)
    #expect(
      bad["MESSAGE"]
        == "reload failed: bind: EADDRINUSE; the configuration in force is unchanged")
    #expect(bad["WSRELAY_RESULT"] == "failed" && bad["PRIORITY"] == "3")
  }

  @Test("restart, good and bad")
  func restart() {
    let good = Self.fields(of: Self.restarted)
    #expect(good["MESSAGE"] == "restarted: 7 connections kept, 1 closed, after 250ms")
    #expect(good["WSRELAY_ADOPTED"] == "7" && good["WSRELAY_CLOSED"] == "1")
    #expect(good["WSRELAY_DURATION_USEC"] == "250000" && good["PRIORITY"] == "5")
    #expect(good["WSRELAY_PREVIOUS_VERSION"] == "0.0.9")
    let bad = Self.fields(of: .restarted(AdoptionSummary(closedCount: 3, fault: .version(9))))
    #expect(
      bad["MESSAGE"] == "restarted: 0 connections kept, 3 closed; the state of the process before "
        + "could not be read: its format is version 9")
    #expect(bad["PRIORITY"] == "3" && bad["WSRELAY_DURATION_USEC"] == nil)
  }

  @Test("drain and stop")
  func stop() {
    #expect(
      Self.fields(of: Self.draining)["MESSAGE"]
        == "draining: closing 7 connections, spread over 0s, within 10s")
    let stopped = Self.fields(of: Self.stopped)
    #expect(stopped["MESSAGE"] == "stopped: 7 connections closed in 1s, 5 cleanly")
    #expect(stopped["WSRELAY_CLOSED"] == "7" && stopped["WSRELAY_CLOSED_CLEANLY"] == "5")
    #expect(stopped["WSRELAY_DURATION_USEC"] == "1500000")
  }

  @Test("Every field of the interface is in some record")
  func everyField() {
    let reports = [
      Self.started, Self.restarted, Self.reloaded, Self.failed, Self.draining, Self.stopped,
    ]
    var used = reports.reduce(into: Set<String>()) { $0.formUnion(Self.fields(of: $1).keys) }
    used.formUnion(
      JournalEntry.of(.complete(cause: .drain, connectionID: 1)).dictionary.keys)
    used.formUnion(JournalEntry.of(.refused(.sample())).dictionary.keys)
    var gap = JournalEntry()
    var losses = RecordLosses()
    losses.add("kick")
    gap.fill(with: losses, time: 0)
    used.formUnion(gap.dictionary.keys)
    #expect(used == Set(JournalField.allCases.map(\.rawValue)))
  }
}
