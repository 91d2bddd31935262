// Out to the socket, or into the session's queue: who waits is told when the socket has room.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Sends the replies of a session and empties the buffer.
  @inline(__always)
  mutating func flush(_ reply: inout ReplyBuffer, _ session: SessionPointer) {
    let count = reply.end - reply.start
    if reply.leading == nil && session.pointee.outbound.isEmpty {
      let taken = transport.send(reply.start, count, on: session.pointee.socket)
      if taken != count { queueReply(reply.start, count, taken, session) }
    } else {
      flushSlowly(&reply, session)
    }
    reply.start = reply.end
  }

  @inline(never)
  private mutating func queueReply(
    _ bytes: UnsafeRawPointer, _ count: Int, _ taken: Int, _ session: SessionPointer
  ) {
    if taken < 0 { return socketFailed(session, Int32(-taken)) }
    append(bytes, count, taken: taken, to: session)
  }

  @inline(never)
  private mutating func flushSlowly(_ reply: inout ReplyBuffer, _ session: SessionPointer) {
    let count = reply.end - reply.start
    var taken = 0
    if let block = reply.leading {
      reply.leading = nil
      if session.pointee.outbound.isEmpty {
        pieces[0] = OutboundPiece(block.bytes + block.pointee.start, count: block.count)
        pieces[1] = OutboundPiece(reply.start, count: count)
        let all = UnsafeBufferPointer(rebasing: pieces[..<(count > 0 ? 2 : 1)])
        taken = transport.send(all, on: session.pointee.socket)
        if taken < 0 {
          pool.put(block)
          return socketFailed(session, Int32(-taken))
        }
      }
      let takenOfBlock = min(taken, block.count)
      taken -= takenOfBlock
      block.pointee.start += takenOfBlock
      if block.count == 0 {
        pool.put(block)
      } else {
        session.pointee.outbound.adopt(block, isBegun: takenOfBlock > 0)
      }
    }
    append(reply.start, count, taken: taken, to: session)
  }

  /// Queues what is left of whole frames, replies of one session, of which the socket took `taken`
  /// bytes.
  private mutating func append(
    _ bytes: UnsafeRawPointer, _ count: Int, taken: Int, to session: SessionPointer
  ) {
    let boundary = frameBoundary(bytes, atOrAfter: taken)
    if rules[Int(session.pointee.route)].isEcho {
      session.pointee.outbound.append(
        bytes + taken, count - taken, partialByteCount: boundary - taken, pool: &pool)
      return updateInterest(session)
    }
    // The replies of a member are Pongs; it is read on, so that only the latest may wait.
    session.pointee.outbound.append(
      bytes + taken, boundary - taken, partialByteCount: boundary - taken, pool: &pool)
    if boundary < count {
      let last = lastFrame(bytes, boundary..<count)
      queuePong(bytes + last, count - last, on: session)
    } else {
      updateInterest(session)
    }
  }

  /// Where the last of some frames begins.
  private func lastFrame(_ bytes: UnsafeRawPointer, _ range: Range<Int>) -> Int {
    var last = range.lowerBound
    var next = last
    while next < range.upperBound {
      last = next
      next += FrameHeader.serverFrameByteCount(at: bytes + last)
    }
    return last
  }

  /// Whether of several Pongs only the latest goes to the session: it is read on while it does not
  /// read itself, so that they would pile up.
  func owesLatestPongOnly(_ session: SessionPointer) -> Bool {
    !session.pointee.outbound.isEmpty && !rules[Int(session.pointee.route)].isEcho
  }

  /// Queues a Pong for a peer that does not read, within the route's bound.
  private mutating func queuePong(
    _ bytes: UnsafeRawPointer, _ count: Int, on session: SessionPointer
  ) {
    session.pointee.outbound.appendPong(bytes, count, pool: &pool)
    if session.pointee.outbound.byteCount
      > rules[Int(session.pointee.route)].maximumOutboundByteCount
    {
      return failSlowConsumer(session)
    }
    updateInterest(session)
  }

  /// The first offset at or after `offset` where a frame begins or all frames end.
  func frameBoundary(_ bytes: UnsafeRawPointer, atOrAfter offset: Int) -> Int {
    var boundary = 0
    while boundary < offset {
      boundary += FrameHeader.serverFrameByteCount(at: bytes + boundary)
    }
    return boundary
  }

  /// Sends bytes that are no data message, such as an HTTP answer; what does not fit waits.
  /// `isLast`: `endSendingWhenFlushed` is called next.
  mutating func send(
    _ session: SessionPointer, _ bytes: UnsafeRawPointer, _ count: Int, isLast: Bool = false
  ) {
    let isFirst = session.pointee.outbound.isEmpty
    let socket = session.pointee.socket
    var taken = 0
    if isFirst {
      taken =
        isLast
        ? transport.sendLast(bytes, count, on: socket) : transport.send(bytes, count, on: socket)
      if taken < 0 { return socketFailed(session, Int32(-taken)) }
    }
    if taken < count {
      // An HTTP answer holds no frames: none of it may be taken for one that could be dropped.
      session.pointee.outbound.append(
        bytes + taken, count - taken, partialByteCount: isFirst ? count - taken : 0, pool: &pool)
      updateInterest(session)
    }
  }

  /// Sends a control frame; past the route's bound a peer that does not read is a slow consumer.
  /// `isLast`: `endSendingWhenFlushed` is called next.
  mutating func sendControl(
    _ opcode: Opcode, _ payload: UnsafeRawBufferPointer, on session: SessionPointer,
    isLast: Bool = false
  ) {
    let rules = self.rules + Int(session.pointee.route)
    let frameByteCount = 2 + payload.count
    if opcode != .close
      && session.pointee.outbound.byteCount + frameByteCount
        > rules.pointee.maximumOutboundByteCount
    {
      return failSlowConsumer(session)
    }
    let headerByteCount = FrameHeader.writeServer(
      FrameHeader.finalBit | opcode.rawValue, payloadByteCount: payload.count, to: scratch)
    if let base = payload.baseAddress {
      (scratch + headerByteCount).copyMemory(from: base, byteCount: payload.count)
    }
    if opcode == .pong && owesLatestPongOnly(session) {
      return queuePong(scratch, headerByteCount + payload.count, on: session)
    }
    send(session, scratch, headerByteCount + payload.count, isLast: isLast)
  }

  /// Sends pieces of whole frames; what does not fit is queued under the route's policy.
  mutating func sendPieces(
    _ pieces: UnsafeBufferPointer<OutboundPiece>, _ messageCount: Int, _ payloadByteCount: Int,
    on session: SessionPointer
  ) {
    var taken = 0
    if session.pointee.outbound.isEmpty {
      taken = transport.send(pieces, on: session.pointee.socket)
      if taken < 0 { return socketFailed(session, Int32(-taken)) }
    }
    // Before anything is dropped, which takes it from the count again.
    countSent(messageCount, payloadByteCount, to: session)
    for piece in pieces {
      if session.pointee.phase != .open {
        countDroppedFrames(piece.base, 0..<piece.count, session)
      } else if taken < piece.count {
        enqueue(piece.base, piece.count, taken: taken, on: session)
      }
      taken = max(0, taken - piece.count)
    }
  }

  /// The socket has room again.
  @inline(never)
  public mutating func writable(_ session: SessionPointer) {
    let outbound = UnsafeMutableBufferPointer(rebasing: pieces[..<WriteQueue.maximumPieceCount])
    let count = session.pointee.outbound.gather(outbound)
    if count > 0 {
      let taken = transport.send(
        UnsafeBufferPointer(rebasing: outbound[..<count]), on: session.pointee.socket)
      if taken < 0 { return socketFailed(session, Int32(-taken)) }
      session.pointee.outbound.consume(taken, pool: &pool)
    }
    updateInterest(session)
  }

  /// Tells the poller what the session waits for. An echo is not read while its replies wait: TCP
  /// then slows the peer down, and what waits here is bounded by one receive call. Nor is a peer
  /// that has sent its Close while ours waits: its FIN, which is next, would end them unsent.
  mutating func updateInterest(_ session: SessionPointer) {
    let isWaiting = !session.pointee.outbound.isEmpty
    if !isWaiting && session.pointee.endsSending { return endSendingNow(session) }
    let isHeldBack =
      switch session.pointee.phase {
      case .open: isWaiting && rules[Int(session.pointee.route)].isEcho
      case .lingering: isWaiting
      case .handshake, .closing, .dead: false
      }
    setInterest(session, reading: !isHeldBack, writing: isWaiting)
  }

  /// Has the socket of a session reported from now on, unless it is already or the session is dead.
  public mutating func startWatching(_ session: SessionPointer) {
    if session.pointee.interest.isEmpty { setInterest(session, reading: true, writing: false) }
  }

  mutating func setInterest(_ session: SessionPointer, reading: Bool, writing: Bool) {
    var interest: Session.Interest = reading ? .reading : []
    if writing { interest.insert(.writing) }
    if session.pointee.phase == .dead || session.pointee.interest == interest { return }
    let isFirst = session.pointee.interest.isEmpty
    session.pointee.interest = interest
    let socket = session.pointee.socket
    if !isFirst {
      return transport.watch(socket, reading: reading, writing: writing, session: session)
    }
    let isNewcomer = session.pointee.phase == .handshake || session.pointee.isRefused
    let error = transport.add(
      socket, reading: reading, writing: writing, session: session,
      isNewcomer: isNewcomer && !session.pointee.isForward)
    if error != 0 { drop(session, cause: .shed, errno: error, reset: true) }
  }
}
