// One thread of the load: an epoll loop around its connections and their scenario. Read `run`
// top-down: wait, act on what is ready, on what is due, on a new stage, then flush and tell.

import Glibc
import RelayCore
import RelayEngine
import Synchronization
import WebSocketProtocol

/// What a thread is started with.
struct LoadSetup: Sendable {
  var plan: LoadPlan
  var address: SocketAddress
  var thread: Int
  var state: RunState
}

/// The loop of one thread.
struct LoadWorker<Scenario: LoadScenario & ~Copyable>: ~Copyable {
  var links: Links
  var scenario: Scenario
  let setup: LoadSetup
  let own: ThreadState
  /// Handshakes under way, by the connection's place.
  var handshakes: [Int: ClientHandshake] = [:]
  /// Connections that were begun in the first round.
  var begunCount = 0
  /// Where the server keeps no context one stream inflates for all.
  var inflater: Inflater?
  private let events = PolledEvents()
  private let beginning: UInt64
  /// What the poller's timer is set for, in nanoseconds; nil: nothing.
  private var timerInstant: UInt64?
  private var closingEnd: UInt64?

  // Tags of what is no connection; connections are addresses, which are larger.
  private static var bellTag: UInt64 { 0 }
  private static var timerTag: UInt64 { 1 }
  /// How long closing handshakes may take.
  private static var closingTime: UInt64 { 3_000_000_000 }
  /// How often connections are begun while they are spread over a time.
  private static var rampStep: UInt64 { 5_000_000 }

  init(_ setup: LoadSetup, scenario: consuming Scenario, poller: consuming Poller) {
    self.setup = setup
    own = setup.state.threads[setup.thread]
    self.scenario = scenario
    links = Links(setup.plan, thread: setup.thread, poller: poller)
    beginning = MonotonicClock.nanoseconds()
    links.now = beginning
  }

  /// A poller that watches the bell and its own timer.
  static func makePoller(_ state: ThreadState) throws(SystemCallError) -> Poller {
    let poller = try Poller()
    for (descriptor, tag) in [(state.bell, bellTag), (poller.timer, timerTag)] {
      let error = poller.add(descriptor, tag: tag)
      if error != 0 { throw SystemCallError("epoll_ctl", errno: error, subject: "load thread") }
    }
    return poller
  }

  /// Runs until all connections are closed.
  mutating func run() {
    openMore()
    tell()
    while !isDone {
      setTimer()
      let count = links.poller.wait(for: events)
      links.beginTurn()
      enterStage()
      for event in events.prefix(count) {
        switch event.data.u64 {
        case Self.bellTag: silenceBell()
        case Self.timerTag:
          links.poller.clearTimer()
          timerInstant = nil
        default: act(on: event)
        }
      }
      openMore()
      while let link = links.takeReady() { flush(link) }
      tell()
    }
    finish()
  }

  // MARK: - Stages

  private var isDone: Bool {
    guard let closingEnd else { return false }
    return links.openCount == 0 && handshakes.isEmpty || links.now >= closingEnd
  }

  private mutating func enterStage() {
    let stage = setup.state.stage
    if stage == links.stage { return }
    let before = links.stage
    links.enter(stage)
    if before == .opening && stage < .draining { scenario.begin(&links) }
    if stage == .closing {
      closingEnd = links.now + Self.closingTime
      for slot in links.all.indices where links.link(slot).pointee.phase == .open {
        links.close(links.link(slot), .normalClosure)
      }
      // What did not open while there was time will not; what a load began is seen through.
      if before == .opening { giveUpOpening() }
    }
  }

  private func silenceBell() {
    var count: UInt64 = 0
    _ = read(own.bell, &count, 8)
  }

  // MARK: - Time

  private mutating func setTimer() {
    var next = scenario.endTurn(&links)
    while let link = links.takeReady() { flush(link) }
    if begunCount < links.all.count && setup.plan.ramp > .zero {
      next = min(next ?? .max, links.now + Self.rampStep)
    }
    if let closingEnd { next = min(next ?? .max, closingEnd) }
    guard let next, timerInstant.map({ next < $0 }) ?? true else { return }
    timerInstant = next
    // Rounded up: before its time there is nothing to do.
    links.poller.setTimer(Instant(microseconds: Int64(next / 1000) + 1))
  }

  /// Begins as many connections as may be under way.
  private mutating func openMore() {
    guard links.stage == .opening else { return }
    var allowed = links.all.count
    let ramp = UInt64(max(0, setup.plan.ramp.wholeMicroseconds)) * 1000
    if ramp > 0 {
      let share = min(1, Double(links.now - beginning) / Double(ramp))
      allowed = Int((share * Double(links.all.count)).rounded(.up))
    }
    while begunCount < allowed && handshakes.count < LoadPlan.maximumHandshakeCount {
      begunCount += 1
      open(links.link(begunCount - 1))
    }
  }

  // MARK: - Telling

  @inline(__always)
  private func tell() {
    own.counts = RunCounts(
      stage: links.stage, open: links.openCount, messages: links.messageCount,
      payloadBytes: links.payloadByteCount,
      unanswered: scenario.unansweredCount, faults: links.result.faults.count)
  }

  private mutating func finish() {
    for slot in links.all.indices { links.release(links.link(slot)) }
    inflater?.release()
    tell()
    links.recordAlike()
    let result = links.result
    own.result.withLock { $0 = result }
  }
}
