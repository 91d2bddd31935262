// What may wait for one connection, and what happens to a consumer slower than that.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Queues frames of which the socket took `taken` bytes, within the route's bound and under its
  /// policy; never more than the bound and the rest of one begun frame wait.
  mutating func enqueue(
    _ bytes: UnsafeRawPointer, _ count: Int, taken: Int, on session: SessionPointer
  ) {
    let offset = frameBoundary(bytes, atOrAfter: taken)
    guard makeRoomToHold(count - taken) else {
      countDroppedFrames(bytes, offset..<count, session)
      return drop(session, cause: .shed, reset: true)
    }
    // What is begun must be finished: half a frame would break every frame after it.
    session.pointee.outbound.append(
      bytes + taken, offset - taken, partialByteCount: offset - taken, pool: &pool)
    let maximum = rules[Int(session.pointee.route)].maximumOutboundByteCount
    if session.pointee.isShed {
      countDroppedFrames(bytes, offset..<count, session)
    } else if session.pointee.outbound.byteCount + count - offset <= maximum {
      session.pointee.outbound.append(bytes + offset, count - offset, pool: &pool)
    } else if !enqueueSingly(bytes, offset..<count, maximum, on: session) {
      countDroppedFrames(bytes, offset..<count, session)
      return failSlowConsumer(session)
    }
    updateInterest(session)
  }

  /// Queues frame by frame as the policy says; false: the policy is to disconnect.
  private mutating func enqueueSingly(
    _ bytes: UnsafeRawPointer, _ range: Range<Int>, _ maximum: Int, on session: SessionPointer
  ) -> Bool {
    let policy = rules[Int(session.pointee.route)].slowConsumerPolicy
    // A context has to see every message that was compressed with it.
    if policy == .disconnect || session.pointee.compression.keepsContext { return false }
    var offset = range.lowerBound
    while offset < range.upperBound {
      let length = FrameHeader.serverFrameByteCount(at: bytes + offset)
      let excess = session.pointee.outbound.byteCount + length - maximum
      if excess > 0 && policy == .dropOldest && length <= maximum {
        countDropped(session.pointee.outbound.dropOldest(excess, pool: &pool), session)
      }
      if session.pointee.outbound.byteCount + length <= maximum {
        session.pointee.outbound.append(bytes + offset, length, pool: &pool)
      } else {
        countDroppedFrames(bytes, offset..<(offset + length), session)
      }
      offset += length
    }
    return true
  }

  /// Counts messages that were given to a session and will not be sent: they were counted as sent.
  func countDropped(_ dropped: WriteQueue.Dropped, _ session: SessionPointer) {
    session.pointee.droppedMessageCount &+= UInt32(truncatingIfNeeded: dropped.messageCount)
    session.pointee.sentMessageCount &-= UInt64(truncatingIfNeeded: dropped.messageCount)
    session.pointee.sentByteCount &-= UInt64(truncatingIfNeeded: dropped.payloadByteCount)
  }

  /// The same for whole frames that were not queued.
  func countDroppedFrames(
    _ bytes: UnsafeRawPointer, _ range: Range<Int>, _ session: SessionPointer
  ) {
    var dropped = WriteQueue.Dropped()
    var offset = range.lowerBound
    while offset < range.upperBound {
      let length = FrameHeader.serverFrameByteCount(at: bytes + offset)
      dropped.messageCount += 1
      dropped.payloadByteCount += FrameHeader.serverPayloadByteCount(ofFrame: length)
      offset += length
    }
    countDropped(dropped, session)
  }

  /// Closes a consumer that is too slow. What waits and is not begun is dropped, so that the Close
  /// frame is not behind a megabyte that nobody reads; the record keeps how much it was.
  mutating func failSlowConsumer(_ session: SessionPointer) {
    let waiting = session.pointee.outbound.byteCount
    let maximum = rules[Int(session.pointee.route)].maximumOutboundByteCount
    closingNotes[session.pointee.index, default: ClosingNotes()].unsentByteCount = waiting
    countDropped(session.pointee.outbound.dropAll(&pool), session)
    fail(
      session, .slowConsumer, .tryAgainLater, reason: "slow consumer",
      detail: "send_buffer=\(maximum) waiting=\(waiting)")
  }
}
