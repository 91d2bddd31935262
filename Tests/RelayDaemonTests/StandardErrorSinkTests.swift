// Standard error is whatever somebody connected to it: slow, non-blocking, or gone.

import Glibc
import Testing

@testable import RelayCore
@testable import RelayDaemon
@testable import Systemd

@Suite("Standard error")
struct StandardErrorSinkTests {
  @Test("A full non-blocking pipe takes every line whole, bit by bit")
  func partialWrites() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { close(ends[0]) }
    let (reading, writing) = (ends[0], ends[1])
    try #require(fcntl(writing, F_SETFL, O_NONBLOCK) == 0)
    let entry = JournalEntry.of(.complete(cause: .drain, connectionID: 1))
    // A pipe holds 64 KiB: most of these lines find it full.
    let count = 1000
    let writer = try NamedThread(named: "stderr") {
      var sink = StandardErrorSink(layout: .json, descriptor: writing)
      for _ in 0..<count { do { try sink.write(entry) } catch { break } }
      close(writing)
    }
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1000)
    while true {
      let count = read(reading, &buffer, buffer.count)
      if count <= 0 { break }
      received += buffer[..<count]
    }
    writer.join()
    let lines = String(decoding: received, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == count)
    #expect(Set(lines) == [Substring(entry.line(.json))])
  }

  @Test("What is left out of an entry makes no difference to its line")
  func neededFields() throws {
    for layout in [StandardErrorLayout.text, .json] {
      var entry = StandardErrorSink(layout: layout).makeEntry()
      for cause in CloseCause.allCases {
        let closed = ClosedConnection.complete(cause: cause, connectionID: 1)
        let whole = JournalEntry.of(closed)
        entry.fill(with: .closed(closed), time: whole.time, includesPeerDetails: true)
        #expect(entry.line(layout) == whole.line(layout))
        #expect((entry.names.count < whole.names.count) == (layout.format == .text))
      }
    }
  }

  @Test("A reader that has gone is an error, not the end of the process")
  func brokenPipe() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    let sink = StandardErrorSink(layout: .text, descriptor: ends[1])
    // SIGPIPE keeps its default here: the writer thread itself must not let it through. And no
    // patience is spent on a reader that does not come back: a stop would wait for it.
    let journal = try CloseJournal(sink: sink, patience: SinkPatience(total: .seconds(600)))
    for _ in 0..<10 { journal.record(.closed(.sample())) }
    let counts = journal.close(deadline: .seconds(60))
    #expect(counts == CloseJournal.Counts(recorded: 10, written: 0, lost: 10, gaps: 0))
  }

  @Test(
    "A journal without journald loses records and says how many, and holds nobody up",
    .enabled(if: !Journal.isAvailable, "this machine has a journald; run it where there is none"))
  func journalAbsent() throws {
    let journal = try CloseJournal(sink: JournalSink(), patience: SinkPatience(total: .zero))
    for _ in 0..<10 { journal.record(.closed(.sample())) }
    #expect(journal.close(deadline: .seconds(60)).lost == 10)
  }
}
