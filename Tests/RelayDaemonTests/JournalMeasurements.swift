// What recording costs a worker, and how fast the writer is. Figures, not verdicts: run by hand in
// a release build, beside a journald of its own:
//
//   swift build -c release --build-tests -Xswiftc -enable-testing
//   WSRELAY_MEASURE=1 Tests/journald-run.sh swift test -c release -Xswiftc -enable-testing \
//     --skip-build --filter JournalMeasurements

import Foundation
import Glibc
import RelayConfiguration
import Synchronization
import Testing

@testable import RelayCore
@testable import RelayDaemon
@testable import Systemd

/// Takes every entry and does nothing with it.
private struct DiscardingSink: RecordSink {
  let isFull = false
  mutating func take(_ entry: inout JournalEntry) {}
  mutating func send() throws(SystemdError) {}
  mutating func discard() -> Int { 0 }
}

@Suite(
  "JournalMeasurements", .serialized,
  .enabled(
    if: ProcessInfo.processInfo.environment["WSRELAY_MEASURE"] == "1",
    "measured by hand; the head of JournalMeasurements.swift says how"))
struct JournalMeasurements {
  private static let count = 100_000
  private static let event = ConnectionEvent.closed(.complete(cause: .kick, connectionID: 1))
  private static let clock = ContinuousClock()

  private static func show(_ what: String, _ time: Duration, count: Int) {
    let nanoseconds = time / .nanoseconds(1) / Double(count)
    print("\(what): \(Int(nanoseconds)) ns each, \(Int(1e9 / nanoseconds)) a second")
  }

  @Test("record() while the writer is held up: the cost of a lock and an append")
  func recordAlone() throws {
    for _ in 0..<3 {
      let sink = try RecordingSink(isGated: true, keepsEntries: false)
      let journal = try CloseJournal(sink: sink)
      journal.record(Self.event)
      sink.awaitArrival()
      let time = Self.clock.measure {
        for _ in 1..<Self.count { journal.record(Self.event) }
      }
      Self.show("record, writer held up", time, count: Self.count - 1)
      let overflow = Self.clock.measure {
        for _ in 0..<Self.count { journal.record(Self.event) }
      }
      Self.show("record, queue full", overflow, count: Self.count)
      sink.open()
      journal.close(deadline: .seconds(60))
    }
  }

  @Test("record() of two threads while the writer writes", arguments: [1, 2])
  func recordTogether(threadCount: Int) throws {
    let journal = try CloseJournal(sink: DiscardingSink(), capacity: 1_000_000)
    let times = Mutex<[Duration]>([])
    let threads = try (0..<threadCount).map { _ in
      try NamedThread(named: "producer") {
        let time = Self.clock.measure {
          for _ in 0..<Self.count { journal.record(Self.event) }
        }
        times.withLock { $0.append(time) }
      }
    }
    for thread in threads { thread.join() }
    journal.close(deadline: .seconds(60))
    for time in times.withLock({ $0 }) {
      Self.show("record, \(threadCount) thread(s) beside the writer", time, count: Self.count)
    }
  }

  @Test("record() that has to wake the writer")
  func recordWaking() throws {
    let journal = try CloseJournal(sink: DiscardingSink())
    var total = Duration.zero
    let count = 20_000
    for _ in 0..<count {
      total += Self.clock.measure { journal.record(Self.event) }
      while journal.counts.pending > 0 { sched_yield() }
    }
    journal.close(deadline: .seconds(60))
    Self.show("record, writer asleep", total, count: count)
  }

  @Test("The writer's rate by sink", arguments: ["discard", "text", "json", "journal"])
  func writer(sink name: String) throws {
    let null = Glibc.open("/dev/null", O_WRONLY)
    defer { Glibc.close(null) }
    switch name {
    case "text": try measure(name, StandardErrorSink(layout: .text, descriptor: null))
    case "json": try measure(name, StandardErrorSink(layout: .json, descriptor: null))
    case "journal": try measure(name, JournalSink())
    default: try measure(name, DiscardingSink())
    }
  }

  private func measure<Sink: RecordSink & ~Copyable>(
    _ name: String, _ sink: consuming Sink
  ) throws {
    let state = try CloseJournalState(capacity: Self.count, includesPeerDetails: true)
    state.queue.withLock { queue in
      for _ in 0..<Self.count {
        let record = PendingRecord(time: 0, content: .connection(Self.event))
        _ = queue.append(record, inHandCount: 0)
      }
      queue.isClosing = true
    }
    var writer = CloseJournalWriter(
      state: state, sink: sink, patience: SinkPatience(total: .zero))
    let time = Self.clock.measure { writer.run() }
    let written = state.writtenCount.load(ordering: .relaxed)
    #expect(written == Self.count, "a refused record is no measure of a written one")
    Self.show("writer to \(name)", time, count: Self.count)
  }

  @Test("The size of what is queued")
  func size() {
    print("a queued record: \(MemoryLayout<PendingRecord>.stride) bytes, texts apart")
  }
}
