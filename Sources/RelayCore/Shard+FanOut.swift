// Broadcast: what is published in a turn is encoded once, gathered per channel, and sent once to
// each member. A sender is sent the batch without its own runs.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Adds a message to the batch of the session's channel; false: it is text and not UTF-8.
  /// `original`: the same message as it came, compressed in a form that every member that takes
  /// compressed messages takes.
  @inline(__always)
  mutating func publish(
    _ message: IncomingMessage, _ session: SessionPointer, _ rules: UnsafePointer<RouteRules>,
    original: IncomingMessage? = nil
  ) -> Bool {
    guard let channel = session.pointee.channel else {
      preconditionFailure("an open broadcast session without a channel")
    }
    let needed = FrameHeader.maximumServerByteCount &+ message.byteCount
    var batch: BlockPointer
    if let current = channel.pointee.batch, current.room >= needed {
      batch = current
    } else {
      batch = makeRoom(in: channel, for: needed)
    }
    let start = batch.pointee.end
    let headerByteCount = FrameHeader.writeServer(
      message.firstByte, payloadByteCount: message.byteCount, to: batch.bytes + start)
    guard message.copyPayload(to: batch.bytes + start + headerByteCount) else { return false }
    let end = start &+ headerByteCount &+ message.byteCount
    batch.pointee.end = end
    channel.pointee.messageCount &+= 1
    channel.pointee.payloadByteCount &+= message.byteCount
    if !rules.pointee.includesSender {
      channel.noteSegment(session, start..<end, payloadByteCount: message.byteCount)
    }
    if channel.pointee.compressingMemberCount > 0 {
      publishDeflated(
        start..<end, original, channel, rules.pointee.includesSender ? nil : session)
    }
    return true
  }

  /// A batch of the channel with room for `needed` more bytes; a full one is sent first.
  @inline(never)
  private mutating func makeRoom(in channel: ChannelPointer, for needed: Int) -> BlockPointer {
    if let batch = channel.pointee.batch {
      let total = batch.pointee.end + needed
      if total <= Limits.broadcastBatchByteCount {
        let larger = pool.grow(batch, to: total)
        channel.pointee.batch = larger
        return larger
      }
      flush(channel)
    }
    let batch = pool.take(atLeast: max(needed, channel.pointee.expectedByteCount))
    channel.pointee.batch = batch
    if !channel.pointee.isListed {
      channel.pointee.isListed = true
      hub.listed.append(channel)
    }
    return batch
  }

  @inline(never)
  mutating func flushListedChannels() {
    // A flush may close sessions but never publishes, so the list does not grow meanwhile.
    for channel in hub.listed {
      flush(channel)
      channel.pointee.isListed = false
      hub.removeIfEmpty(channel)
    }
    hub.listed.removeAll(keepingCapacity: true)
  }

  /// Sends the batch of a channel to the other shards and to the members here.
  mutating func flush(_ channel: ChannelPointer) {
    guard let batch = channel.pointee.batch else { return }
    if batch.pointee.end > 0 {
      var message = ChannelBatch(
        bytes: batch.bytes, byteCount: batch.pointee.end,
        messageCount: channel.pointee.messageCount,
        payloadByteCount: channel.pointee.payloadByteCount)
      // Incomplete if the last member who wanted it left during the turn.
      if let block = channel.pointee.deflatedBatch,
        channel.pointee.deflatedMessageCount == channel.pointee.messageCount
      {
        message.deflated = ChannelBatch.Deflated(
          bytes: block.bytes, byteCount: block.pointee.end,
          payloadByteCount: channel.pointee.deflatedPayloadByteCount)
      }
      transport.publish(message, on: channel.pointee.name)
      fanOut(message, to: channel)
    }
    if let block = channel.takeBatch() { pool.put(block) }
    if let block = channel.takeDeflatedBatch() { pool.put(block) }
  }

  /// Delivers a batch that another shard published to the members here.
  public mutating func deliver(_ batch: ChannelBatch, on channelName: String) {
    guard let channel = hub.channel(channelName) else { return }
    // Own publishes keep their place before what comes from elsewhere.
    if channel.pointee.batch != nil { flush(channel) }
    guard channel.pointee.compressingMemberCount > 0, batch.deflated == nil else {
      return fanOut(batch, to: channel)
    }
    let (block, payloadByteCount) = deflate(batch)
    var complete = batch
    complete.deflated = ChannelBatch.Deflated(
      bytes: block.bytes, byteCount: block.pointee.end, payloadByteCount: payloadByteCount)
    fanOut(complete, to: channel)
    pool.put(block)
  }

  /// Sends a batch to each member of a channel here. Goes backwards, because a member that fails
  /// leaves and the last one takes its place.
  @inline(never)
  private mutating func fanOut(_ batch: ChannelBatch, to channel: ChannelPointer) {
    if channel.pointee.compressingMemberCount > 0 { return fanOutByForm(batch, to: channel) }
    var index = channel.pointee.memberCount &- 1
    while index >= 0 {
      let member = channel.pointee.members[index]
      index &-= 1
      if member.pointee.ownSegment < 0 {
        deliver(batch, to: member)
      } else {
        deliver(batch, to: member, withoutOwnOf: channel)
      }
    }
  }

  /// The same where members take different forms.
  @inline(never)
  private mutating func fanOutByForm(_ batch: ChannelBatch, to channel: ChannelPointer) {
    var index = channel.pointee.memberCount &- 1
    while index >= 0 {
      let member = channel.pointee.members[index]
      index &-= 1
      let isSender = member.pointee.ownSegment >= 0
      if member.pointee.compression.keepsContext {
        let own = isSender ? ownRanges(of: member, in: channel) : []
        deliver(batch, to: member, throughContextWithout: own)
      } else if let deflated = batch.deflated, member.pointee.compression.takesAnyWithoutContext {
        let form = ChannelBatch(
          bytes: deflated.bytes, byteCount: deflated.byteCount, messageCount: batch.messageCount,
          payloadByteCount: deflated.payloadByteCount)
        if isSender {
          deliver(form, to: member, withoutOwnOf: channel, .deflated)
        } else {
          deliver(form, to: member)
        }
      } else if isSender {
        deliver(batch, to: member, withoutOwnOf: channel)
      } else {
        deliver(batch, to: member)
      }
    }
  }

  private func ownRanges(of member: SessionPointer, in channel: ChannelPointer) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var own = member.pointee.ownSegment
    while own >= 0 {
      let segment = channel.pointee.segments[Int(own)]
      ranges.append(segment.range)
      own = segment.previous
    }
    return ranges
  }

  @inline(__always)
  mutating func deliver(_ batch: ChannelBatch, to member: SessionPointer) {
    if member.pointee.outbound.isEmpty {
      let taken = transport.send(batch.bytes, batch.byteCount, on: member.pointee.socket)
      if taken == batch.byteCount {
        countSent(batch.messageCount, batch.payloadByteCount, to: member)
      } else {
        deliverRest(batch, to: member, taken: taken)
      }
    } else {
      deliverRest(batch, to: member, taken: 0)
    }
  }

  @inline(__always)
  func countSent(_ messageCount: Int, _ byteCount: Int, to member: SessionPointer) {
    member.pointee.sentMessageCount &+= UInt64(truncatingIfNeeded: messageCount)
    member.pointee.sentByteCount &+= UInt64(truncatingIfNeeded: byteCount)
    if rules[Int(member.pointee.route)].countsSentMessages { member.pointee.lastData = now }
  }

  @inline(never)
  private mutating func deliverRest(_ batch: ChannelBatch, to member: SessionPointer, taken: Int) {
    if taken < 0 { return socketFailed(member, Int32(-taken)) }
    // Before anything is dropped, which takes it from the count again.
    countSent(batch.messageCount, batch.payloadByteCount, to: member)
    enqueue(batch.bytes, batch.byteCount, taken: taken, on: member)
  }

  /// Delivers a batch to one of its senders: the pieces between its own runs, found by walking its
  /// runs backwards.
  @inline(never)
  private mutating func deliver(
    _ batch: ChannelBatch, to member: SessionPointer, withoutOwnOf channel: ChannelPointer,
    _ form: BatchForm = .plain
  ) {
    var messageCount = batch.messageCount
    var payloadByteCount = batch.payloadByteCount
    var first = pieces.count
    var end = batch.byteCount
    var own = member.pointee.ownSegment
    while own >= 0 && first > 1 {
      let segment = channel.pointee.segments[Int(own)]
      let range = form == .plain ? segment.range : segment.deflatedRange
      if range.upperBound < end {
        first -= 1
        pieces[first] = OutboundPiece(
          batch.bytes + range.upperBound, count: end - range.upperBound)
      }
      messageCount -= segment.messageCount
      payloadByteCount -=
        form == .plain ? segment.payloadByteCount : segment.deflatedPayloadByteCount
      end = range.lowerBound
      own = segment.previous
    }
    if own >= 0 { return deliverSplit(batch, to: member, withoutOwnOf: channel, form) }
    if end > 0 {
      first -= 1
      pieces[first] = OutboundPiece(batch.bytes, count: end)
    }
    if first == pieces.count { return }
    sendPieces(
      UnsafeBufferPointer(rebasing: pieces[first...]), messageCount, payloadByteCount, on: member)
  }

  /// The same for a sender with more runs than there are pieces: the rest of the batch is copied
  /// together first.
  private mutating func deliverSplit(
    _ batch: ChannelBatch, to member: SessionPointer, withoutOwnOf channel: ChannelPointer,
    _ form: BatchForm
  ) {
    let block = pool.take(atLeast: batch.byteCount)
    var messageCount = batch.messageCount
    var payloadByteCount = batch.payloadByteCount
    var start = 0
    for index in 0..<channel.pointee.segmentCount {
      let segment = channel.pointee.segments[index]
      guard segment.sender == member else { continue }
      let range = form == .plain ? segment.range : segment.deflatedRange
      (block.bytes + block.pointee.end).copyMemory(
        from: batch.bytes + start, byteCount: range.lowerBound - start)
      block.pointee.end += range.lowerBound - start
      start = range.upperBound
      messageCount -= segment.messageCount
      payloadByteCount -=
        form == .plain ? segment.payloadByteCount : segment.deflatedPayloadByteCount
    }
    (block.bytes + block.pointee.end).copyMemory(
      from: batch.bytes + start, byteCount: batch.byteCount - start)
    block.pointee.end += batch.byteCount - start
    deliver(
      ChannelBatch(
        bytes: block.bytes, byteCount: block.pointee.end, messageCount: messageCount,
        payloadByteCount: payloadByteCount), to: member)
    pool.put(block)
  }
}
