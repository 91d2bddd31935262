// For every record asked for there is one written or one counted as lost, whatever the sink does.

import Glibc
import RelayConfiguration
import Testing

@testable import RelayCore
@testable import RelayDaemon
@testable import Systemd

@Suite("The journal of closes")
struct CloseJournalTests {
  private static let long = Duration.seconds(60)
  private static let impatient = SinkPatience(
    total: .zero, firstPause: .milliseconds(1), longestPause: .milliseconds(1))

  @Test("Closing writes down everything that is queued, in order")
  func flush() throws {
    let sink = try RecordingSink()
    let journal = try CloseJournal(sink: sink)
    journal.report(DaemonReport(event: .start, message: "wsrelay started"))
    for id: UInt64 in 0..<1000 { journal.record(.closed(.sample(connectionID: id))) }
    journal.warning("almost done")
    let counts = journal.close(deadline: Self.long)
    #expect(counts == CloseJournal.Counts(recorded: 1002, written: 1002, lost: 0, gaps: 0))
    #expect(sink.entries.count == 1002)
    #expect(sink.entries.first?["WSRELAY_EVENT"] == "start")
    #expect(sink.entries.last?["MESSAGE"] == "almost done")
    let ids = sink.entries.compactMap { $0["WSRELAY_CONNECTION_ID"] }
    #expect(ids == (0..<1000).map { RecordText.identifier($0) })
    journal.record(.closed(.sample()))
    #expect(journal.close(deadline: .zero).lost == 1)
    #expect(sink.entries.count == 1002)
  }

  @Test("What overruns the queue becomes one gap with exact counts", arguments: [1, 64, 100, 1000])
  func overflow(capacity: UInt64) throws {
    let sink = try RecordingSink(isGated: true)
    let journal = try CloseJournal(sink: sink, capacity: Int(capacity))
    journal.record(.closed(.sample()))
    sink.awaitArrival()
    // The writer has one record in hand: it counts towards the bound.
    for id in 1..<capacity { journal.record(.closed(.sample(connectionID: id))) }
    for _ in 0..<30 { journal.record(.closed(.sample(cause: .peerReset))) }
    for _ in 0..<12 { journal.record(.closed(.sample(cause: .drain))) }
    for _ in 0..<7 { journal.record(.refused(.sample())) }
    journal.error("the daemon's own words find room")
    #expect(journal.counts.lost == 49)
    sink.open()
    let counts = journal.close(deadline: Self.long)
    #expect(counts.written == Int(capacity) + 1)
    #expect(counts.lost == 49)
    #expect(counts.pending == 0)
    #expect(counts.gaps == 1)
    let gaps = sink.entries.filter { $0["WSRELAY_EVENT"] == "gap" }
    #expect(gaps.count == 1)
    #expect(gaps.first?["WSRELAY_LOST"] == "49")
    #expect(gaps.first?["WSRELAY_LOST_BY_CAUSE"] == "peer-reset=30 drain=12 reject=7")
    #expect(sink.entries.contains { $0["MESSAGE"] == "the daemon's own words find room" })
  }

  @Test("Four threads record 10,000 events each: exactly as many are written")
  func manyProducers() async throws {
    let sink = try RecordingSink()
    let journal = try CloseJournal(sink: sink)
    let threads = try (0..<4).map { producer in
      try NamedThread(named: "producer") {
        for number in 0..<10_000 {
          let id = UInt64(producer * 10_000 + number)
          journal.record(.closed(.sample(connectionID: id)))
        }
      }
    }
    for thread in threads { thread.join() }
    let counts = journal.close(deadline: Self.long)
    #expect(counts == CloseJournal.Counts(recorded: 40_000, written: 40_000, lost: 0, gaps: 0))
    let ids = Set(sink.entries.compactMap { $0["WSRELAY_CONNECTION_ID"] })
    #expect(ids.count == 40_000)
  }

  @Test("A sink that fails for a while loses nothing")
  func outage() throws {
    let sink = try RecordingSink()
    sink.fail(count: 5)
    let patience = SinkPatience(
      total: .seconds(60), firstPause: .milliseconds(1), longestPause: .milliseconds(1))
    let journal = try CloseJournal(sink: sink, patience: patience)
    for id: UInt64 in 0..<10 { journal.record(.closed(.sample(connectionID: id))) }
    // A journald that restarts while the daemon stops: closing does not end the patience.
    #expect(journal.close(deadline: Self.long).written == 10)
    #expect(sink.entries.count == 10)
    #expect(sink.attemptCount == 15)
  }

  @Test("A sink that fails for longer loses what a gap then counts")
  func longOutage() throws {
    let sink = try RecordingSink()
    sink.fail(count: 30)
    let journal = try CloseJournal(sink: sink, patience: Self.impatient)
    for _ in 0..<10 { journal.record(.closed(.sample(cause: .kick))) }
    // The writer keeps trying to write the gap down, without anything new to write.
    while journal.counts.gaps == 0 { sched_yield() }
    journal.record(.closed(.sample(cause: .drain)))
    let counts = journal.close(deadline: Self.long)
    #expect(
      counts
        == CloseJournal.Counts(recorded: 11, written: 1, lost: 10, gaps: counts.gaps, told: 10))
    #expect(counts.untold == 0)
    let gaps = sink.entries.filter { $0["WSRELAY_EVENT"] == "gap" }
    #expect(gaps.compactMap { $0["WSRELAY_LOST"].flatMap { Int($0) } }.reduce(0, +) == 10)
    #expect(sink.entries.last?["WSRELAY_CAUSE"] == "drain")
  }

  @Test("Of records that a sink takes together, those count as lost that nobody has")
  func groupLost() throws {
    let sink = try RecordingSink(isGated: true, groupSize: 4)
    let journal = try CloseJournal(sink: sink, patience: Self.impatient)
    journal.record(.closed(.sample(cause: .shed)))
    sink.awaitArrival()
    for cause in [CloseCause.kick, .drain, .drain, .peerFin] {
      journal.record(.closed(.sample(cause: cause)))
    }
    for _ in 0..<5 { journal.record(.closed(.sample(cause: .peerClose))) }
    // The one in hand, the gap for it, and then a group of which one gets through.
    sink.fail(count: 3)
    sink.open()
    let counts = journal.close(deadline: Self.long)
    #expect(
      counts == CloseJournal.Counts(recorded: 10, written: 6, lost: 4, gaps: 1, told: 4))
    let causes = sink.entries.compactMap { $0["WSRELAY_CAUSE"] }
    #expect(causes == ["kick"] + Array(repeating: "peer-close", count: 5))
    let gap = sink.entries.last { $0["WSRELAY_EVENT"] == "gap" }
    #expect(gap?["WSRELAY_LOST_BY_CAUSE"] == "drain=2 peer-fin=1 shed=1")
  }

  @Test("Closing does not wait for a blocked sink longer than it was told to")
  func deadline() throws {
    let sink = try RecordingSink(isGated: true)
    let journal = try CloseJournal(sink: sink)
    for _ in 0..<3 { journal.record(.closed(.sample())) }
    sink.awaitArrival()
    let counts = journal.close(deadline: .milliseconds(1))
    #expect(counts.pending == 3)
    #expect(counts.untold == 3)
    sink.open()
  }

  @Test("peer_details can change while it runs")
  func details() throws {
    let sink = try RecordingSink()
    let journal = try CloseJournal(sink: sink, includesPeerDetails: false)
    journal.record(.opened(.sample))
    while journal.counts.pending > 0 { sched_yield() }
    journal.includesPeerDetails = true
    journal.record(.opened(.sample))
    journal.close(deadline: Self.long)
    #expect(sink.entries.map { $0["WSRELAY_ORIGIN"] } == [nil, "https://example.org"])
  }
}
