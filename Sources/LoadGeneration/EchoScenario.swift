// Messages whose replies must be the same, byte for byte and in order.
//
// In a closed loop (`echo`) each connection keeps `depth` messages in flight. In an open loop
// (`latency`) message n of the run is due at its n-th step, whatever the server does, and its
// latency counts from then: a server that stalls is charged for every message it held up, also for
// those that could not even be sent. That keeps the figures free of coordinated omission.

import WebSocketProtocol

/// One thread's part of `echo` and `latency`.
struct EchoScenario: LoadScenario, ~Copyable {
  private let pool: MessagePool
  private let depth: Int
  /// Of an open loop.
  private var pace: Pace?
  /// When each message in flight left, `depth` of them for each connection.
  private let departures: UnsafeMutablePointer<UInt64>
  private let departureCount: Int
  /// In an open loop also what is due and could not be sent yet.
  private(set) var unansweredCount = 0

  init(_ plan: LoadPlan, thread: Int) {
    pool = MessagePool(plan.messages, isText: plan.isText, compresses: plan.offersDeflate)
    let linkCount = plan.connections(ofThread: thread).count
    depth = plan.depth
    pace = plan.rate.map {
      Pace(rate: $0, threadCount: plan.threadCount, thread: thread, linkCount: linkCount)
    }
    departureCount = pace == nil ? linkCount * depth : 0
    departures = .allocate(capacity: departureCount)
    departures.initialize(repeating: 0, count: departureCount)
  }

  deinit { departures.deallocate() }

  mutating func begin(_ links: inout Links) {
    pace?.begin(links.now)
    for slot in links.all.indices {
      links.link(slot).pointee.credit = pace == nil ? depth : 0
      links.makeReady(links.link(slot))
    }
  }

  /// Each connection begins elsewhere among the messages, so that crossed replies show.
  @inline(__always)
  private func index(_ count: Int, _ link: LinkPointer) -> Int {
    (count &+ link.pointee.number &* 7) % pool.count
  }

  @inline(__always)
  mutating func next(for link: LinkPointer, _ links: inout Links) -> UnsafeRawBufferPointer? {
    let credit = link.pointee.credit
    guard credit > 0, links.maySend else { return nil }
    let run = pool.frames(from: index(link.pointee.sentCount, link), limit: credit)
    if pace == nil {
      let first = departures + link.pointee.slot * depth
      for number in link.pointee.sentCount..<link.pointee.sentCount &+ run.count {
        first[number % depth] = links.now
      }
      unansweredCount &+= run.count
    }
    link.pointee.sentCount &+= run.count
    link.pointee.credit = credit &- run.count
    return run.bytes
  }

  @inline(__always)
  mutating func received(
    _ payload: UnsafeRawBufferPointer, firstByte: UInt8, on link: LinkPointer,
    _ links: inout Links
  ) {
    let number = link.pointee.answeredCount
    guard number < link.pointee.sentCount else {
      links.note(.order, link, "a message that answers none")
      return
    }
    link.pointee.answeredCount = number &+ 1
    unansweredCount &-= 1
    let expected = pool.payload(index(number, link))
    if firstByte == pool.firstByte && payload.hasBytes(of: expected) {
      let departure =
        pace?.due(number, link.pointee.slot)
        ?? departures[link.pointee.slot &* depth &+ number % depth]
      links.count(payload.count, since: departure)
    } else {
      let ours = pool.firstByte
      links.note(
        .content, link,
        "reply \(number): \(Difference(payload, firstByte, from: expected, ours))")
    }
    if pace == nil { link.pointee.credit &+= 1 }
  }

  mutating func endTurn(_ links: inout Links) -> UInt64? {
    guard links.isLoading, pace != nil else { return nil }
    while let slot = pace?.takeDue(links.now) {
      let link = links.link(slot)
      if link.pointee.phase != .open { continue }
      link.pointee.credit &+= 1
      unansweredCount &+= 1
      links.makeReady(link)
    }
    return pace?.next
  }
}
