// When a worker looks for events again, and when it sleeps.

import RelayCore
import Testing

@testable import RelayEngine

@Suite("Looking before sleeping")
struct BusyPollTests {
  /// A clock and a poller: a look takes a microsecond, and events come at given times.
  private final class Clockwork {
    var time: Int64 = 0
    var sleeps = 0
    var next: Int64 = 0

    /// Waits for the event that comes after `delay` microseconds; returns what was waited.
    func wait(_ poll: inout BusyPoll, delay: Int64, wakeUp: Int64 = 0) -> Int64 {
      let begin = time
      next = time + delay
      let count = poll.wait(
        now: { Instant(microseconds: time) },
        look: {
          time += 1
          return time >= next ? 1 : 0
        },
        sleep: {
          sleeps += 1
          time = max(time, next) + wakeUp
          return 1
        })
      #expect(count == 1)
      return time - begin
    }
  }

  @Test("What comes within the window is found without a sleep")
  func dense() {
    let clockwork = Clockwork()
    var poll = BusyPoll()
    for delay in 1...BusyPoll.window { #expect(clockwork.wait(&poll, delay: delay) == delay) }
    #expect(clockwork.sleeps == 0)
  }

  @Test("Where events are few there is one look in vain, then none")
  func sparse() {
    let clockwork = Clockwork()
    var poll = BusyPoll()
    _ = clockwork.wait(&poll, delay: 1000)
    #expect(clockwork.sleeps == 1 && !poll.isWorthwhile)
    let before = clockwork.time
    _ = clockwork.wait(&poll, delay: 1000)
    // No look, each of which takes a microsecond.
    #expect(clockwork.time - before == 1000 && clockwork.sleeps == 2)
  }

  @Test("A sleep that was short for one makes looking worthwhile again")
  func denseAgain() {
    let clockwork = Clockwork()
    var poll = BusyPoll()
    _ = clockwork.wait(&poll, delay: 1000)
    _ = clockwork.wait(&poll, delay: 40, wakeUp: 30)
    #expect(poll.isWorthwhile)
    #expect(clockwork.wait(&poll, delay: 40) == 40)
    #expect(clockwork.sleeps == 2)
  }

  @Test("A signal ends the sleep with no events")
  func signal() {
    var poll = BusyPoll()
    var time: Int64 = 0
    let count = poll.wait(
      now: {
        time += 10
        return Instant(microseconds: time)
      }, look: { 0 }, sleep: { 0 })
    #expect(count == 0)
  }
}
