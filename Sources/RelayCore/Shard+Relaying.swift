// The data path: frames in a receive buffer become replies or publishes. Read top-down.
//
// Echo replies are written over the very bytes they answer: a server's frame is four bytes shorter
// than the masked frame that caused it, so the write position never overtakes the read position.
// One receive call, one pass, one send call.

import WebSocketProtocol

/// Replies being written over the input, and a message in a block that goes before them.
struct ReplyBuffer {
  var start: UnsafeMutableRawPointer
  var end: UnsafeMutableRawPointer
  /// A whole frame in a block of its own, to be sent before what is between `start` and `end`.
  var leading: BlockPointer?

  @inline(__always)
  init(at start: UnsafeMutableRawPointer) {
    self.start = start
    self.end = start
  }

  @inline(__always)
  var isEmpty: Bool { start == end && leading == nil }
}

extension Shard where T: ~Copyable {
  /// Relays what is in `received`, until it is used up or the session is no longer open.
  @inline(never)
  mutating func relay(_ session: SessionPointer, _ received: ReceivedBytes) {
    var input = received
    var reply = ReplyBuffer(at: input.next)
    let rules = self.rules + Int(session.pointee.route)
    let maximumByteCount = rules.pointee.maximumMessageByteCount
    var frameCount = 0
    while session.pointee.phase == .open {
      if let message = session.pointee.connection.takeWholeMessage(
        &input, maximumByteCount: maximumByteCount)
      {
        relayMessage(message, session, rules, &reply, input.next)
        frameCount &+= 1
        continue
      }
      let event = session.pointee.connection.nextEvent(
        &input, maximumMessageByteCount: maximumByteCount, pool: &pool)
      if case .needsMore = event { break }
      handle(event, session, rules, &reply, input.next)
    }
    if !reply.isEmpty { flush(&reply, session) }
    adjustPace(session, frameCount, byteCount: input.end - received.next)
    if session.pointee.phase == .closing && input.count > 0 {
      receivedWhileClosing(session, &input)
    }
  }

  /// Receives less at a time from a peer that fills the buffer with very many small frames, and
  /// more again from one that fills it with few. A byte costs next to nothing, a frame does: so one
  /// call on a flooding peer takes about as long as one on any other.
  @inline(__always)
  private func adjustPace(_ session: SessionPointer, _ messageCount: Int, byteCount: Int) {
    let frameCount = messageCount &+ session.pointee.connection.takeFrameCount()
    let shift = session.pointee.receiveShift
    if frameCount > Limits.maximumFrameCountOfReceive {
      session.pointee.receiveShift = max(shift &- 1, Limits.smallestReceiveShift)
    } else if frameCount < Limits.maximumFrameCountOfReceive / 4 && byteCount >= 1 << Int(shift) {
      let largest =
        session.pointee.channel == nil
        ? Limits.largestReceiveShift : Limits.largestBroadcastReceiveShift
      session.pointee.receiveShift = min(shift &+ 1, largest)
    }
  }

  /// Relays bytes that were received into the block of the message in progress.
  @inline(never)
  mutating func relayDirect(_ session: SessionPointer, _ count: Int) {
    let event = session.pointee.connection.receivedDirectly(count)
    if case .needsMore = event { return }
    let rules = self.rules + Int(session.pointee.route)
    let start = receiveBuffer.baseAddress!
    var reply = ReplyBuffer(at: start)
    handle(event, session, rules, &reply, start)
    if !reply.isEmpty { flush(&reply, session) }
  }

  @inline(__always)
  private mutating func relayMessage(
    _ message: IncomingMessage, _ session: SessionPointer, _ rules: UnsafePointer<RouteRules>,
    _ reply: inout ReplyBuffer, _ replyLimit: UnsafeMutableRawPointer
  ) {
    guard admit(message, byteCount: message.byteCount, session, rules, &reply) else { return }
    let isValid =
      rules.pointee.isEcho
      ? echo(message, session, &reply, replyLimit) : publish(message, session, rules)
    if !isValid { refuseText(message, session, &reply) }
  }

  /// Whether the route takes such a message now; counts it if so. `byteCount`: of its payload as it
  /// came.
  @inline(__always)
  mutating func admit(
    _ message: IncomingMessage, byteCount: Int, _ session: SessionPointer,
    _ rules: UnsafePointer<RouteRules>, _ reply: inout ReplyBuffer
  ) -> Bool {
    // Bit 1: text, bit 2: binary.
    guard rules.pointee.acceptedOpcodes & (1 << (message.firstByte & 0x0F)) != 0 else {
      refuseKind(message, session, &reply)
      return false
    }
    if rules.pointee.ratePeriod > 0 && !isWithinRate(session, rules.pointee.ratePeriod) {
      refuseRate(session, rules, &reply)
      return false
    }
    session.pointee.receivedMessageCount &+= 1
    session.pointee.receivedByteCount &+= UInt64(truncatingIfNeeded: byteCount)
    session.pointee.lastData = now
    return true
  }

  /// Writes the reply to a message; false: it is text and not UTF-8.
  @inline(__always)
  private mutating func echo(
    _ message: IncomingMessage, _ session: SessionPointer, _ reply: inout ReplyBuffer,
    _ limit: UnsafeMutableRawPointer
  ) -> Bool {
    if message.isAssembled { return echoAssembled(message, session, &reply, limit) }
    let headerByteCount = FrameHeader.writeServer(
      message.firstByte, payloadByteCount: message.byteCount, to: reply.end)
    guard message.copyPayload(to: reply.end + headerByteCount) else { return false }
    reply.end += headerByteCount &+ message.byteCount
    session.pointee.sentMessageCount &+= 1
    session.pointee.sentByteCount &+= UInt64(truncatingIfNeeded: message.byteCount)
    return true
  }

  @inline(never)
  private mutating func echoAssembled(
    _ message: IncomingMessage, _ session: SessionPointer, _ reply: inout ReplyBuffer,
    _ limit: UnsafeMutableRawPointer
  ) -> Bool {
    guard let block = session.pointee.connection.takeMessageBlock() else {
      preconditionFailure("an assembled message without a block")
    }
    self.reply(message.firstByte, block, session, &reply, limit)
    return true
  }

  /// Replies with a payload in a block, which it takes: a small one is copied to where the input
  /// was used up, a large one is sent from its block.
  mutating func reply(
    _ firstByte: UInt8, _ block: BlockPointer, _ session: SessionPointer,
    _ reply: inout ReplyBuffer, _ limit: UnsafeMutableRawPointer
  ) {
    let byteCount = block.pointee.end
    let headerByteCount = FrameHeader.serverByteCount(forPayload: byteCount)
    session.pointee.sentMessageCount &+= 1
    session.pointee.sentByteCount &+= UInt64(truncatingIfNeeded: byteCount)
    if limit - reply.end >= headerByteCount + byteCount {
      _ = FrameHeader.writeServer(firstByte, payloadByteCount: byteCount, to: reply.end)
      (reply.end + headerByteCount).copyMemory(from: block.bytes, byteCount: byteCount)
      reply.end += headerByteCount + byteCount
      return pool.put(block)
    }
    if !reply.isEmpty { flush(&reply, session) }
    if session.pointee.phase == .dead { return pool.put(block) }
    block.pointee.start = -headerByteCount
    _ = FrameHeader.writeServer(
      firstByte, payloadByteCount: byteCount, to: block.bytes - headerByteCount)
    reply.leading = block
  }
}

// MARK: - What is not a plain message

extension Shard where T: ~Copyable {
  @inline(never)
  private mutating func handle(
    _ event: IncomingEvent, _ session: SessionPointer, _ rules: UnsafePointer<RouteRules>,
    _ reply: inout ReplyBuffer, _ replyLimit: UnsafeMutableRawPointer
  ) {
    switch event {
    case .needsMore: break
    case .message(let message) where message.firstByte & FrameHeader.compressedBit != 0:
      relayCompressed(message, session, rules, &reply, replyLimit)
      session.pointee.connection.releaseMessage(&pool)
    case .message(let message) where rules.pointee.isEcho:
      relayMessage(message, session, rules, &reply, replyLimit)
      session.pointee.connection.releaseMessage(&pool)
    case .message(let message):
      // Publishing may send a full batch, which may end this very session: its end must not give
      // away the memory that is being published.
      let block = session.pointee.connection.takeMessageBlock()
      relayMessage(message, session, rules, &reply, replyLimit)
      if let block { pool.put(block) }
    case .ping(let payload): answerPing(payload, session, &reply, replyLimit)
    case .pong(let payload): receivedPong(session, payload)
    case .close(let frame):
      if !reply.isEmpty { flush(&reply, session) }
      if session.pointee.phase == .dead { return }
      receivedClose(session, frame)
    case .violation(let violation):
      if !reply.isEmpty { flush(&reply, session) }
      fail(session, violation)
    }
  }

  /// RFC 6455 §5.5.3: a Pong has the payload of the Ping it answers. It joins the replies, so that
  /// a receive call full of Pings is answered by one send call.
  private mutating func answerPing(
    _ payload: UnsafeRawBufferPointer, _ session: SessionPointer, _ reply: inout ReplyBuffer,
    _ limit: UnsafeMutableRawPointer
  ) {
    // Only the latest is owed to a peer that does not read them.
    if owesLatestPongOnly(session) { reply.end = reply.start }
    if limit - reply.end >= 2 + payload.count {
      // The payload first: it lies where it came, at or behind where the Pong goes.
      if let bytes = payload.baseAddress {
        (reply.end + 2).copyMemory(from: bytes, byteCount: payload.count)
      }
      reply.end += FrameHeader.writeServer(
        FrameHeader.finalBit | Opcode.pong.rawValue, payloadByteCount: payload.count, to: reply.end)
      reply.end += payload.count
      return
    }
    if !reply.isEmpty { flush(&reply, session) }
    // The socket may have failed: then the session is gone, and the payload with it.
    if session.pointee.phase == .dead { return }
    sendControl(.pong, payload, on: session)
  }

  /// GCRA: a message is on time unless messages come so fast that the clock of the allowed rate is
  /// a second ahead, which is the burst.
  @inline(__always)
  private func isWithinRate(_ session: SessionPointer, _ period: Int64) -> Bool {
    let clock = max(session.pointee.rateClock, now) + period
    if clock - now > 1_000_000 { return false }
    session.pointee.rateClock = clock
    return true
  }

  @inline(never)
  private mutating func refuseKind(
    _ message: IncomingMessage, _ session: SessionPointer, _ reply: inout ReplyBuffer
  ) {
    if !reply.isEmpty { flush(&reply, session) }
    let kind = message.isText ? "text" : "binary"
    let accepted = message.isText ? "binary" : "text"
    fail(
      session, .unsupportedData, .unsupportedData, reason: "\(kind) is not accepted here",
      detail: "accept=\(accepted) got=\(kind)")
  }

  @inline(never)
  private mutating func refuseRate(
    _ session: SessionPointer, _ rules: UnsafePointer<RouteRules>, _ reply: inout ReplyBuffer
  ) {
    if !reply.isEmpty { flush(&reply, session) }
    let rate = table.routes[Int(session.pointee.route)].maximumMessageRate
    fail(
      session, .rateLimit, .policyViolation, reason: "more than \(rate) messages a second",
      detail: "max_message_rate=\(rate)")
  }

  @inline(never)
  private mutating func refuseText(
    _ message: IncomingMessage, _ session: SessionPointer, _ reply: inout ReplyBuffer
  ) {
    // It was counted before it was looked at; in fragments it would not have been.
    session.pointee.receivedMessageCount &-= 1
    session.pointee.receivedByteCount &-= UInt64(truncatingIfNeeded: message.byteCount)
    if !reply.isEmpty { flush(&reply, session) }
    fail(session, .invalidUTF8InText)
  }
}
