// The wheel of deadlines, against a plain table of them.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Deadline wheel")
struct DeadlineWheelTests {
  private static let tick = DeadlineWheel.tick
  /// How far ahead the wheel sees.
  private static let horizon = tick * Int64(DeadlineWheel.slotCount - 1)

  /// A wheel with some sessions and what it should do.
  private struct Bench: ~Copyable {
    var now: Instant
    var sessions = SessionTable()
    var wheel: DeadlineWheel
    var pointers: [SessionPointer] = []
    var due: [UInt32: Instant] = [:]
    var firedCount = 0
    var faults: [String] = []

    init(_ count: Int, now: Int64 = 5_000_000_000) {
      self.now = Instant(microseconds: now)
      wheel = DeadlineWheel(now: self.now)
      for _ in 0..<count {
        pointers.append(
          sessions.make(socket: 0, listener: 0, now: self.now, details: SessionDetails()))
      }
    }

    mutating func schedule(_ session: SessionPointer, after delay: Int64) {
      due[session.pointee.index] = now + delay
      wheel.schedule(session, at: now + delay, in: sessions)
    }

    mutating func cancel(_ session: SessionPointer) {
      due[session.pointee.index] = nil
      wheel.cancel(session, in: sessions)
    }

    /// Lets time pass and asks what is due; what comes for the horizon's sake is put back.
    mutating func advance(_ delay: Int64) {
      now = now + delay
      while let session = wheel.popDue(now: now, in: sessions) {
        let index = session.pointee.index
        guard let instant = due[index] else {
          faults.append("\(index) fired though cancelled")
          continue
        }
        if instant > now {
          wheel.schedule(session, at: instant, in: sessions)
        } else {
          if now - instant > DeadlineWheelTests.tick + delay { faults.append("\(index) is late") }
          due[index] = nil
          firedCount += 1
        }
      }
      for (index, instant) in due where now - instant > DeadlineWheelTests.tick {
        faults.append("\(index) did not fire")
      }
    }
  }

  @Test("Never early, and at most 64 ms late")
  func precision() {
    for delay in [0, 1, 65_535, 65_536, 65_537, 1_000_000, Self.horizon - Self.tick] as [Int64] {
      var bench = Bench(1)
      let session = bench.pointers[0]
      bench.schedule(session, after: delay)
      let end = bench.now + delay
      var fired: Instant?
      while fired == nil, bench.now < end + 1_000_000 {
        bench.now = bench.now + 997
        if bench.wheel.popDue(now: bench.now, in: bench.sessions) != nil { fired = bench.now }
      }
      let late = fired.map { $0 - end } ?? .max
      #expect(late >= 0 && late <= Self.tick + 997, "delay \(delay)")
    }
  }

  @Test("A deadline beyond the horizon is asked for on the way")
  func beyondHorizon() {
    for delay in [Self.horizon, Self.horizon + 1, 70_000_000, 600_000_000, .max / 4] as [Int64] {
      var bench = Bench(1)
      bench.schedule(bench.pointers[0], after: delay)
      for _ in 0..<12_000 where bench.firedCount == 0 { bench.advance(Self.tick) }
      #expect(bench.firedCount == (delay <= 600_000_000 ? 1 : 0), "delay \(delay)")
      #expect(bench.faults == [])
    }
  }

  @Test("Cancelled ones stay silent; cancelling twice does nothing")
  func cancel() {
    var bench = Bench(5)
    for session in bench.pointers { bench.schedule(session, after: 100_000) }
    for index in [2, 0, 4, 2] { bench.cancel(bench.pointers[index]) }
    bench.advance(1_000_000)
    #expect(bench.firedCount == 2 && bench.faults == [])
    #expect(bench.wheel.timeUntilNext(now: bench.now) == nil)
  }

  @Test("A hundred thousand random schedules")
  func random() {
    var random = SeededGenerator(seed: 7)
    var bench = Bench(400)
    var scheduleCount = 0
    while scheduleCount < 100_000 {
      for _ in 0..<100 {
        let session = bench.pointers[random.below(bench.pointers.count)]
        if random.once(in: 5) {
          bench.cancel(session)
        } else {
          let delay = random.once(in: 20) ? random.below(300_000_000) : random.below(4_000_000)
          bench.schedule(session, after: Int64(delay))
          scheduleCount += 1
        }
      }
      bench.advance(
        Int64(random.once(in: 50) ? random.below(900_000_000) : random.below(200_000)))
    }
    bench.advance(400_000_000)
    for _ in 0..<20 { bench.advance(Self.tick) }
    #expect(bench.faults == [] && bench.due.isEmpty && bench.firedCount > 10_000)
  }

  @Test("After any sleep everything that came is there at once")
  func longSleeps() {
    for sleep in [Self.horizon - 1, Self.horizon, Self.horizon * 2 + 5, Self.horizon * 1000] {
      var bench = Bench(300)
      for (index, session) in bench.pointers.enumerated() {
        bench.schedule(session, after: Int64(index) * 200_000)
      }
      bench.advance(sleep)
      #expect(bench.faults == [] && bench.firedCount == 300, "sleep \(sleep)")
    }
  }

  @Test("The time until the next is enough, and never more than a slot too long")
  func timeUntilNext() {
    var random = SeededGenerator(seed: 3)
    var bench = Bench(1)
    for _ in 0..<3000 {
      let delay = Int64(random.below(Int(Self.horizon - 2 * Self.tick)))
      bench.schedule(bench.pointers[0], after: delay)
      let time = bench.wheel.timeUntilNext(now: bench.now) ?? -1
      #expect(time > 0 && time >= delay && time - delay <= Self.tick, "delay \(delay)")
      bench.advance(time)
      #expect(bench.due.isEmpty)
      bench.advance(Int64(random.below(100_000)))
    }
  }
}
