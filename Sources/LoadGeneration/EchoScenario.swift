// Messages whose replies must be the same, byte for byte and in order.
//
// In a closed loop (`echo`) each connection keeps `depth` messages in flight. In an open loop
// (`latency`) message n of the run is due at its n-th step, whatever the server does, and its
// latency counts from then: a server that stalls is charged for every message it held up, also for
// those that could not even be sent. That keeps the figures free of coordinated omission.

import Glibc
import WebSocketProtocol

/// One thread's part of `echo` and `latency`.
struct EchoScenario: LoadScenario, ~Copyable {
  private let pool: MessagePool
  private let depth: Int
  /// Of an open loop.
  private var pace: Pace?
  /// When each message in flight left, by its number: a ring for each connection, as long as the
  /// power of two that `depth` fits in.
  private let departures: UnsafeMutablePointer<UInt64>
  private let ringMask: Int
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
    ringMask = depth.roundedUpToPowerOfTwo - 1
    departureCount = pace == nil ? linkCount * (ringMask + 1) : 0
    departures = .allocate(capacity: departureCount)
    departures.initialize(repeating: 0, count: departureCount)
  }

  deinit { departures.deallocate() }

  mutating func begin(_ links: inout Links) {
    pace?.begin(links.now)
    for slot in links.all.indices {
      let link = links.link(slot)
      link.pointee.credit = pace == nil ? depth : 0
      // Each connection begins elsewhere among the messages, so that crossed replies show.
      link.pointee.sentIndex = link.pointee.number &* 7 % pool.count
      link.pointee.answeredIndex = link.pointee.sentIndex
      links.makeReady(link)
    }
  }

  @inline(__always)
  mutating func next(for link: LinkPointer, _ links: inout Links) -> UnsafeRawBufferPointer? {
    let credit = link.pointee.credit
    guard credit > 0, links.maySend else { return nil }
    let run = pool.frames(from: link.pointee.sentIndex, limit: credit)
    if pace == nil {
      let (departures, now) = (departures(link), links.now)
      var number = link.pointee.sentCount
      let end = number &+ run.count
      repeat {
        departures[number & ringMask] = now
        number &+= 1
      } while number < end
      unansweredCount &+= run.count
    }
    link.pointee.sentCount &+= run.count
    link.pointee.sentIndex = pool.index(behind: link.pointee.sentIndex, run.count)
    link.pointee.credit = credit &- run.count
    return run.bytes
  }

  @inline(__always)
  mutating func takeReplies(
    _ bytes: inout ReceivedBytes, on link: LinkPointer, _ links: inout Links
  ) {
    repeat {
      let index = link.pointee.answeredIndex
      let run = pool.replies(
        from: index, limit: link.pointee.sentCount &- link.pointee.answeredCount)
      let taken = link.pointee.takenByteCount
      let count = min(bytes.count, run.bytes.count &- taken)
      guard count > 0, memcmp(bytes.next, run.bytes.baseAddress! + taken, count) == 0 else {
        return
      }
      bytes.next += count
      // As many replies as are whole now; what is left is the beginning of the next.
      var replyCount = run.count
      while pool.replyByteCount(from: index, count: replyCount) > taken &+ count {
        replyCount &-= 1
      }
      link.pointee.takenByteCount =
        taken &+ count &- pool.replyByteCount(from: index, count: replyCount)
      if replyCount > 0 {
        self.count(replyCount, link, &links)
        answered(replyCount, link)
      }
    } while bytes.count > 0
  }

  mutating func returnReply(_ link: LinkPointer) -> ReceivedBytes? {
    let count = link.pointee.takenByteCount
    if count == 0 { return nil }
    link.pointee.takenByteCount = 0
    let reply = pool.replies(from: link.pointee.answeredIndex, limit: 1).bytes
    // Written to only to take masks off, and a server has none.
    return ReceivedBytes(UnsafeMutableRawPointer(mutating: reply.baseAddress!), count: count)
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
    let expected = pool.payload(link.pointee.answeredIndex)
    if firstByte == pool.firstByte && payload.hasBytes(of: expected) {
      count(1, link, &links)
    } else {
      let ours = pool.firstByte
      links.note(
        .content, link,
        "reply \(number): \(Difference(payload, firstByte, from: expected, ours))")
    }
    answered(1, link)
  }

  /// Counts the next replies of a connection, which are as they should be.
  @inline(__always)
  private mutating func count(_ replyCount: Int, _ link: LinkPointer, _ links: inout Links) {
    guard pace == nil else { return countEach(replyCount, link, &links) }
    let departures = departures(link)
    let number = link.pointee.answeredCount
    let departure = departures[number & ringMask]
    // What is between two that left together did so too.
    guard departure == departures[(number &+ replyCount &- 1) & ringMask] else {
      return countEach(replyCount, link, &links)
    }
    let byteCount = pool.payloadByteCount(from: link.pointee.answeredIndex, count: replyCount)
    links.count(replyCount, payloadByteCount: byteCount, since: departure)
  }

  @inline(never)
  private mutating func countEach(_ replyCount: Int, _ link: LinkPointer, _ links: inout Links) {
    for offset in 0..<replyCount {
      let number = link.pointee.answeredCount &+ offset
      let beginning = pace?.due(number, link.pointee.slot) ?? departures(link)[number & ringMask]
      let byteCount = pool.payloadByteCount(
        from: link.pointee.answeredIndex &+ offset, count: 1)
      links.count(1, payloadByteCount: byteCount, since: beginning)
    }
  }

  /// Makes room for what follows messages that were answered, rightly or not.
  @inline(__always)
  private mutating func answered(_ replyCount: Int, _ link: LinkPointer) {
    link.pointee.answeredCount &+= replyCount
    link.pointee.answeredIndex = pool.index(behind: link.pointee.answeredIndex, replyCount)
    unansweredCount &-= replyCount
    if pace == nil { link.pointee.credit &+= replyCount }
  }

  /// The ring of a connection.
  @inline(__always)
  private func departures(_ link: LinkPointer) -> UnsafeMutablePointer<UInt64> {
    departures + link.pointee.slot &* (ringMask &+ 1)
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
