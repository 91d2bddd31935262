// The connections of one thread and what they share: the poller, memory, and the counts of what
// happened. Knows nothing of what the load is.

import CLinux
import CloseEvents
import Glibc
import RelayEngine
import WebSocketProtocol

/// All connections of one thread.
struct Links: ~Copyable {
  let poller: Poller
  let all: UnsafeMutableBufferPointer<Link>
  var blocks = BlockPool(maximumPooledByteCount: 64 << 20)
  var keys = KeyGenerator()
  /// Where bytes are received, whichever connection they are of.
  let buffer: UnsafeMutableRawBufferPointer
  /// The largest message that is taken.
  let maximumMessageByteCount: Int
  /// The time of this turn, in nanoseconds.
  var now: UInt64 = 0
  private(set) var stage = Stage.opening
  private var measuredSince = UInt64.max
  private var measuredUntil = UInt64.max
  private let isOpenLoop: Bool
  /// When those began that were counted last in this turn, and how many they are: what left
  /// together arrives together, and is recorded once.
  private var alikeBeginning = UInt64.max
  private var alikeCount: UInt64 = 0
  /// Connections to be flushed at the end of the turn.
  private(set) var ready: [LinkPointer] = []
  /// How many of them were taken.
  private var takenCount = 0

  var result = ThreadResult()
  var openCount = 0
  var messageCount = 0
  var payloadByteCount = 0

  /// What TLS connections share; nil: there are none.
  var tls: SecureMemory?
  /// Why TLS ended, until somebody tells.
  var tlsFailure: String?

  private static let bufferByteCount = 256 << 10
  private static let controlByteCount = 1024
  /// What a server may send by itself without being taken for broken.
  private static let smallestMaximum = 1 << 20

  init(_ plan: LoadPlan, thread: Int, poller: consuming Poller) {
    let numbers = plan.connections(ofThread: thread)
    self.poller = poller
    isOpenLoop = plan.rate != nil
    all = .allocate(capacity: numbers.count)
    all.initialize(repeating: Link())
    for (slot, number) in numbers.enumerated() {
      all[slot].slot = slot
      all[slot].number = number
    }
    buffer = .allocate(byteCount: Self.bufferByteCount, alignment: 64)
    maximumMessageByteCount = max(plan.messages.map(\.count).max() ?? 0, Self.smallestMaximum)
    ready.reserveCapacity(numbers.count)
    tls = plan.tls.map { SecureMemory($0) }
  }

  deinit {
    all.deallocate()
    tls?.free()
    buffer.deallocate()
  }

  /// Whether there is to be more load.
  @inline(__always)
  var isLoading: Bool { stage == .warmup || stage == .measuring }

  /// Whether messages may be sent: also those that were due before the load ended.
  @inline(__always)
  var maySend: Bool { isLoading || isOpenLoop && stage > .measuring && stage < .closing }

  /// The connection in a place.
  @inline(__always)
  func link(_ slot: Int) -> LinkPointer { all.baseAddress! + slot }

  /// Has a connection flushed at the end of the turn.
  @inline(__always)
  mutating func makeReady(_ link: LinkPointer) {
    if link.pointee.isReady { return }
    link.pointee.isReady = true
    ready.append(link)
  }

  /// A connection that was made ready; nil: none is left.
  mutating func takeReady() -> LinkPointer? {
    guard takenCount < ready.count else {
      ready.removeAll(keepingCapacity: true)
      takenCount = 0
      return nil
    }
    let link = ready[takenCount]
    takenCount &+= 1
    link.pointee.isReady = false
    return link
  }

  /// Enters another stage.
  mutating func enter(_ stage: Stage) {
    if stage >= .measuring && self.stage < .measuring { measuredSince = now }
    if stage > .measuring && self.stage <= .measuring { measuredUntil = now }
    self.stage = stage
  }

  /// Begins a turn: reads the clock.
  mutating func beginTurn() {
    recordAlike()
    now = MonotonicClock.nanoseconds()
  }

  /// Counts messages that are as they should be, their payload in all, and how long each took.
  @inline(__always)
  mutating func count(_ newCount: Int, payloadByteCount: Int, since beginning: UInt64) {
    messageCount &+= newCount
    self.payloadByteCount &+= payloadByteCount
    if beginning != alikeBeginning {
      recordAlike()
      alikeBeginning = beginning
    }
    alikeCount &+= UInt64(newCount)
  }

  /// Records how long those took that were counted last. In an open loop those count that were due
  /// while it was measured, however late they come: the latest are what it is about.
  @inline(never)
  mutating func recordAlike() {
    let moment = isOpenLoop ? alikeBeginning : now
    if moment >= measuredSince && moment < measuredUntil {
      result.latencies.record(now &- min(alikeBeginning, now), count: alikeCount)
    }
    alikeCount = 0
  }

  /// Notes what is wrong with a connection. What servers say is in it: made fit to be shown.
  @inline(never)
  mutating func note(_ kind: FaultKind, _ link: LinkPointer, _ text: @autoclosure () -> String) {
    result.faults.note(kind, EscapedText.of("connection \(link.pointee.number): \(text())"))
  }
}

// MARK: - Sending

extension Links {
  /// Sends what a connection has; true: all of it is with the kernel. A negative error number is
  /// left in `failure`.
  @inline(__always)
  mutating func send(_ link: LinkPointer, failure: inout Int32) -> Bool {
    if let secure = link.pointee.secure { return send(link, through: secure, &failure) }
    let bytes = link.pointee.unsent
    let taken = linux_send(link.pointee.socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    if taken == bytes.count {
      link.pointee.unsent = UnsafeRawBufferPointer(start: nil, count: 0)
      return true
    }
    if taken < 0 {
      if errno != EAGAIN && errno != EINTR { failure = errno }
    } else {
      link.pointee.unsent = UnsafeRawBufferPointer(rebasing: bytes[taken...])
    }
    watchRoom(link, true)
    return false
  }

  /// Whether epoll says when there is room to send.
  @inline(__always)
  func watchRoom(_ link: LinkPointer, _ watches: Bool) {
    if link.pointee.watchesRoom == watches { return }
    link.pointee.watchesRoom = watches
    poller.change(
      link.pointee.socket, tag: UInt64(UInt(bitPattern: link)),
      events: Poller.readable | (watches ? Poller.writable : 0))
  }

  /// Puts a control frame before the messages to come. Where the server does not read, Pongs are
  /// left out (RFC 6455 §5.5.3 wants only the latest); there is always room for a Close.
  mutating func appendControl(
    _ opcode: Opcode, _ payload: UnsafeRawBufferPointer, _ link: LinkPointer
  ) {
    // Never a larger block: what is being sent may lie in this one.
    let block = link.pointee.control ?? blocks.take(atLeast: Self.controlByteCount)
    link.pointee.control = block
    let largest = FrameHeader.maximumByteCount + FrameHeader.maximumControlPayloadByteCount
    if block.room < (opcode == .close ? 1 : 2) * largest { return }
    let key = keys.maskingKey()
    let header = FrameHeader.writeClient(
      FrameHeader.finalBit | opcode.rawValue, payloadByteCount: payload.count, maskingKey: key,
      to: block.bytes + block.pointee.end)
    if let bytes = payload.baseAddress {
      _ = Masking.apply(
        key, from: bytes, count: payload.count, to: block.bytes + block.pointee.end + header)
    }
    block.pointee.end += header + payload.count
  }

  /// Has the control frames that wait sent next; false: none wait.
  mutating func sendControlNext(_ link: LinkPointer) -> Bool {
    guard let block = link.pointee.control else { return false }
    if block.count == 0 {
      link.pointee.control = nil
      blocks.put(block)
      return false
    }
    link.pointee.unsent = UnsafeRawBufferPointer(
      start: block.bytes + block.pointee.start, count: block.count)
    block.pointee.start = block.pointee.end
    return true
  }

  /// Begins or answers the closing handshake (RFC 6455 §7.1.2), once.
  mutating func close(_ link: LinkPointer, _ code: CloseCode) {
    let frame = CloseFrame(code: code)
    guard link.pointee.connection.sendClose(frame) else { return }
    link.pointee.phase = .closing
    frame.withPayload { appendControl(.close, $0, link) }
    makeReady(link)
  }

  /// Closes the socket and gives back all memory.
  mutating func release(_ link: LinkPointer) {
    releaseTLS(link)
    if link.pointee.socket >= 0 { Glibc.close(link.pointee.socket) }
    if link.pointee.phase == .open || link.pointee.phase == .closing { openCount -= 1 }
    link.pointee.connection.releaseAll(&blocks)
    if let block = link.pointee.control { blocks.put(block) }
    if let block = link.pointee.head { blocks.put(block) }
    link.pointee.inflater?.release()
    let (number, slot, isReady) = (link.pointee.number, link.pointee.slot, link.pointee.isReady)
    link.pointee = Link()
    (link.pointee.number, link.pointee.slot, link.pointee.isReady) = (number, slot, isReady)
    link.pointee.phase = .ended
  }
}
