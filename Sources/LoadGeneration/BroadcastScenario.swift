// Publishers whose messages must reach everybody else, each publisher's in order, once, unaltered.
//
// A message names its publisher, its number and when it left, in characters, so that it may be text
// as well; the rest of it is one of the messages of the run. In a closed loop a publisher has at
// most `depth` messages that have not reached all receivers; in an open loop they leave when they
// are due, and their latency counts from then. Whether a publisher gets its own messages back is
// the server's business: it must be all of them or none.

import WebSocketProtocol

/// One thread's part of `broadcast`.
struct BroadcastScenario: LoadScenario, ~Copyable {
  private let pool: MessagePool
  private let board: BroadcastBoard
  private let thread: Int
  private let depth: Int
  private let compressor: Deflater?
  private var pace: Pace?
  private let publisherCount: Int
  /// The publishers are the first connections of the first thread.
  private var hasPublishers: Bool { thread == 0 }
  private var stamps = StampReader()
  /// The next message of each publisher at each connection.
  private let expected: UnsafeMutablePointer<Expected>
  /// How many receivers here, besides the publisher, have a message; by publisher and number, in
  /// rings as long as a power of two.
  private let arrivals: UnsafeMutablePointer<Int32>
  private let ringMask: Int
  /// How many there are here of each publisher.
  private let receiverCount: Int32
  /// Deliveries here to others than the publisher.
  private var deliveredCount = 0
  private var hasNews = false
  /// Where frames are put together, `draftCount` for each publisher, and the message in the works.
  private let drafts: UnsafeMutableRawPointer
  private let plain: UnsafeMutableRawPointer
  private let frameByteCount: Int
  private let draftCount: Int

  /// A message to come.
  private struct Expected {
    var number = 0
    /// Its place among the messages of the run.
    var index = 0
  }

  /// What a publisher sends in one go, if it is more than one message.
  private static let batchByteCount = 64 << 10

  /// What a turn has made room for is sent together, as from publishers that don't know each other.
  static var answersAtOnce: Bool { false }

  init(_ plan: LoadPlan, thread: Int, board: BroadcastBoard) {
    pool = MessagePool(plan.messages, isText: plan.isText, compresses: false)
    self.board = board
    self.thread = thread
    depth = plan.depth
    publisherCount = plan.publisherCount
    compressor = plan.offersDeflate ? .ofBrowsers : nil
    let linkCount = plan.connections(ofThread: thread).count
    pace = plan.rate.map {
      Pace(rate: $0, threadCount: 1, thread: 0, linkCount: plan.publisherCount)
    }
    expected = .allocate(capacity: linkCount * publisherCount)
    expected.initialize(repeating: Expected(), count: linkCount * publisherCount)
    // In an open loop the server decides how far receivers lag behind each other.
    let ring = plan.rate == nil ? depth.roundedUpToPowerOfTwo : BroadcastBoard.openRing
    ringMask = ring - 1
    arrivals = .allocate(capacity: publisherCount * ring)
    arrivals.initialize(repeating: 0, count: publisherCount * ring)
    receiverCount = Int32(linkCount) - (thread == 0 ? 1 : 0)
    let largest = plan.messages.map(\.count).max() ?? 0
    frameByteCount = FrameHeader.maximumByteCount + largest + largest / 8 + 128
    draftCount = max(1, min(depth, Self.batchByteCount / frameByteCount))
    drafts = .allocate(
      byteCount: frameByteCount * draftCount * publisherCount, alignment: 64)
    plain = .allocate(byteCount: largest, alignment: 64)
  }

  deinit {
    expected.deallocate()
    arrivals.deallocate()
    drafts.deallocate()
    plain.deallocate()
    compressor?.release()
  }

  /// What has not arrived here yet of all that was sent to others.
  var unansweredCount: Int {
    var sent = 0
    for publisher in 0..<publisherCount {
      sent &+= board.sentCount(publisher) &* Int(receiverCount)
      let own = hasPublishers ? ownCount(publisher) : 0
      if own > 0 { sent &+= board.sentCount(publisher) &- own }
    }
    return sent &- deliveredCount
  }

  /// How many of its own messages a publisher has got back; 0 for ever where the server keeps them.
  private func ownCount(_ publisher: Int) -> Int {
    expected[publisher &* publisherCount &+ publisher].number
  }

  /// How many messages a publisher may have sent by now in a closed loop.
  private func window(_ publisher: Int) -> Int {
    let own = ownCount(publisher)
    let completed = board.completedCount(publisher)
    return (own > 0 ? min(own, completed) : completed) &+ depth
  }

  mutating func begin(_ links: inout Links) {
    if receiverCount == 0 {
      for publisher in 0..<publisherCount { board.complete(.max / 2, of: publisher, on: thread) }
    }
    guard hasPublishers else { return }
    pace?.begin(links.now)
    for slot in 0..<publisherCount { links.makeReady(links.link(slot)) }
  }

  mutating func next(for link: LinkPointer, _ links: inout Links) -> UnsafeRawBufferPointer? {
    let publisher = link.pointee.slot
    guard hasPublishers, (0..<publisherCount).contains(publisher), links.maySend else {
      return nil
    }
    // All that may leave leaves at once: a server that gathers what came together sees it together.
    let first = link.pointee.sentCount
    let allowed = pace == nil ? window(publisher) &- first : link.pointee.credit
    let count = min(allowed, draftCount)
    guard count > 0 else { return nil }
    let start = drafts + frameByteCount * draftCount * publisher
    var end = start
    for number in first..<first + count {
      let departure = pace?.due(number, publisher) ?? links.now
      end += draft(
        BroadcastStamp(publisher: publisher, number: number, departure: departure),
        maskedWith: links.keys.maskingKey(), to: end)
    }
    link.pointee.sentCount = first + count
    if pace == nil {
      board.sent(first + count, by: publisher)
    } else {
      link.pointee.credit -= count
    }
    return UnsafeRawBufferPointer(start: start, count: end - start)
  }

  /// Writes a message with its stamp as a frame; returns the frame's length.
  private func draft(
    _ stamp: BroadcastStamp, maskedWith key: UInt32, to frame: UnsafeMutableRawPointer
  ) -> Int {
    let source = pool.payload(stamp.number % pool.count)
    plain.copyMemory(from: source.baseAddress!, byteCount: source.count)
    stamp.write(to: plain)
    guard let compressor else {
      let header = FrameHeader.writeClient(
        pool.firstByte, payloadByteCount: source.count, maskingKey: key, to: frame)
      _ = Masking.apply(key, from: plain, count: source.count, to: frame + header)
      return header + source.count
    }
    // Behind where the largest header would end; masking moves it to where this one does.
    let packed = frame + FrameHeader.maximumByteCount
    let count = compressor.deflate(plain, source.count, to: packed, keepsContext: false)
    let header = FrameHeader.writeClient(
      pool.firstByte | FrameHeader.compressedBit, payloadByteCount: count, maskingKey: key,
      to: frame)
    _ = Masking.apply(key, from: packed, count: count, to: frame + header)
    return header + count
  }

  @inline(__always)
  mutating func received(
    _ payload: UnsafeRawBufferPointer, firstByte: UInt8, on link: LinkPointer,
    _ links: inout Links
  ) {
    guard let stamp = stamps.read(payload), stamp.publisher < publisherCount else {
      links.note(.content, link, "a message that no publisher sent")
      return
    }
    let place = expected + (link.pointee.slot &* publisherCount &+ stamp.publisher)
    if stamp.number != place.pointee.number {
      links.note(
        .order, link,
        "message \(stamp.number) of publisher \(stamp.publisher) instead of "
          + "\(place.pointee.number)")
      if stamp.number < place.pointee.number { return }
      place.pointee.index = stamp.number % pool.count
    }
    let source = pool.payload(place.pointee.index)
    place.pointee.number = stamp.number &+ 1
    place.pointee.index = pool.index(behind: place.pointee.index, 1)
    guard firstByte == pool.firstByte, payload.hasBytes(of: source, from: BroadcastStamp.byteCount)
    else {
      links.note(
        .content, link, "message \(stamp.number) of publisher \(stamp.publisher) is altered")
      return
    }
    links.count(1, payloadByteCount: payload.count, since: stamp.departure)
    if !(hasPublishers && link.pointee.slot == stamp.publisher) { arrived(stamp) }
  }

  /// Counts a delivery; the last of a message here opens its publisher's window.
  @inline(__always)
  private mutating func arrived(_ stamp: BroadcastStamp) {
    deliveredCount &+= 1
    let count = arrivals + (stamp.publisher &* (ringMask &+ 1) &+ stamp.number & ringMask)
    count.pointee &+= 1
    if count.pointee == receiverCount {
      count.pointee = 0
      board.complete(stamp.number &+ 1, of: stamp.publisher, on: thread)
      hasNews = true
    }
  }

  mutating func endTurn(_ links: inout Links) -> UInt64? {
    guard links.isLoading else { return nil }
    if !hasPublishers {
      if hasNews { board.wakePublishers() }
      hasNews = false
      return nil
    }
    if pace != nil {
      while let publisher = pace?.takeDue(links.now) {
        let link = links.link(publisher)
        link.pointee.credit += 1
        board.sent(link.pointee.sentCount + link.pointee.credit, by: publisher)
        links.makeReady(link)
      }
      return pace?.next
    }
    for publisher in 0..<publisherCount {
      let link = links.link(publisher)
      if link.pointee.phase == .open && link.pointee.sentCount < window(publisher) {
        links.makeReady(link)
      }
    }
    return nil
  }
}
