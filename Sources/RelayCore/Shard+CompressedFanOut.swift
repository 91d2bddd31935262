// Batches for members that agreed on compression: in one compressed form that all members without a
// context share, and for each member with a context in a form of its own.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  // MARK: - Batches in the compressed form

  /// Adds the message that is the last of the channel's batch to the batch's compressed form:
  /// `original`, the message as it came, where any member takes that.
  @inline(never)
  mutating func publishDeflated(
    _ plain: Range<Int>, _ original: IncomingMessage?, _ channel: ChannelPointer,
    _ sender: SessionPointer?
  ) {
    guard let batch = channel.pointee.batch else { return }
    let start = channel.pointee.deflatedBatch?.pointee.end ?? 0
    let frame = UnsafeRawPointer(batch.bytes + plain.lowerBound)
    let payloadByteCount = appendDeflated(
      frame, plain.count, original, to: &channel.pointee.deflatedBatch)
    channel.pointee.deflatedMessageCount += 1
    channel.pointee.deflatedPayloadByteCount += payloadByteCount
    if let sender {
      let end = channel.pointee.deflatedBatch?.pointee.end ?? start
      channel.noteDeflatedSegment(sender, start..<end, payloadByteCount: payloadByteCount)
    }
  }

  /// The compressed form of a batch that another shard published without one.
  mutating func deflate(_ batch: ChannelBatch) -> (block: BlockPointer, payloadByteCount: Int) {
    var block: BlockPointer? = pool.take(atLeast: batch.byteCount)
    var payloadByteCount = 0
    var offset = 0
    while offset < batch.byteCount {
      let length = FrameHeader.serverFrameByteCount(at: batch.bytes + offset)
      payloadByteCount += appendDeflated(batch.bytes + offset, length, nil, to: &block)
      offset += length
    }
    guard let block else { preconditionFailure("a form without a block") }
    return (block, payloadByteCount)
  }

  /// Appends one frame in its compressed form, or as it is where that is no larger; returns the
  /// bytes of its payload.
  private mutating func appendDeflated(
    _ frame: UnsafeRawPointer, _ length: Int, _ original: IncomingMessage?,
    to block: inout BlockPointer?
  ) -> Int {
    let count = FrameHeader.serverPayloadByteCount(ofFrame: length)
    let payload = frame + (length - count)
    let firstByte = frame.load(as: UInt8.self) | FrameHeader.compressedBit
    let form = original.map { (UnsafeRawPointer($0.payload), $0.byteCount) }
    let deflater = form == nil && count >= Deflater.smallestByteCount ? withoutContext() : nil
    let needed = max(
      form?.1 ?? deflater?.maximumByteCount(forPayload: count) ?? 0, count)
    let room = makeRoom(for: needed + FrameHeader.maximumServerByteCount, in: &block)
    if let (bytes, byteCount) = form {
      append(firstByte, bytes, byteCount, to: room)
      return byteCount
    }
    if let deflater {
      // Behind the largest header, and then moved down to the one it gets.
      let destination = room.bytes + room.pointee.end + FrameHeader.maximumServerByteCount
      let byteCount = deflater.deflate(payload, count, to: destination, keepsContext: false)
      if byteCount < count {
        append(firstByte, destination, byteCount, to: room)
        return byteCount
      }
    }
    (room.bytes + room.pointee.end).copyMemory(from: frame, byteCount: length)
    room.pointee.end += length
    return count
  }

  private mutating func withoutContext() -> Deflater? {
    if sharedDeflater == nil {
      sharedDeflater = Deflater(windowBits: DeflateParameters.maximumWindowBits, memoryLevel: 8)
    }
    return sharedDeflater
  }

  private func append(
    _ firstByte: UInt8, _ payload: UnsafeRawPointer, _ count: Int, to block: BlockPointer
  ) {
    let start = block.bytes + block.pointee.end
    let headerByteCount = FrameHeader.serverByteCount(forPayload: count)
    // The payload first: it may lie where the header's last bytes go.
    (start + headerByteCount).copyMemory(from: payload, byteCount: count)
    _ = FrameHeader.writeServer(firstByte, payloadByteCount: count, to: start)
    block.pointee.end += headerByteCount + count
  }

  private mutating func makeRoom(for count: Int, in block: inout BlockPointer?) -> BlockPointer {
    let current = block ?? pool.take(atLeast: count)
    let larger = pool.grow(current, to: current.pointee.end + count)
    block = larger
    return larger
  }

  // MARK: - Members with contexts

  /// Sends a batch to a member that keeps a context, compressed for it alone; `own` are the ranges
  /// of the batch that the member published itself.
  @inline(never)
  mutating func deliver(
    _ batch: ChannelBatch, to member: SessionPointer, throughContextWithout own: [Range<Int>]
  ) {
    guard let context = contexts[member.pointee.index] else {
      preconditionFailure("a session that keeps a context has none")
    }
    var block: BlockPointer? = pool.take(atLeast: batch.byteCount)
    var (messageCount, payloadByteCount, offset) = (0, 0, 0)
    while offset < batch.byteCount {
      let frame = batch.bytes + offset
      let length = FrameHeader.serverFrameByteCount(at: frame)
      if !own.contains(where: { $0.contains(offset) }) {
        payloadByteCount += append(frame, length, through: context, to: &block)
        messageCount += 1
      }
      offset += length
    }
    guard let block else { preconditionFailure("a form without a block") }
    if messageCount > 0 {
      deliver(
        ChannelBatch(
          bytes: block.bytes, byteCount: block.pointee.end, messageCount: messageCount,
          payloadByteCount: payloadByteCount), to: member)
    }
    pool.put(block)
  }

  /// Appends one frame compressed with a context: whatever its size then, it must be sent, because
  /// the next one refers to it.
  private mutating func append(
    _ frame: UnsafeRawPointer, _ length: Int, through context: CompressionContexts,
    to block: inout BlockPointer?
  ) -> Int {
    let count = FrameHeader.serverPayloadByteCount(ofFrame: length)
    let needed = max(context.deflater.maximumByteCount(forPayload: count), count)
    let room = makeRoom(for: needed + FrameHeader.maximumServerByteCount, in: &block)
    guard count >= Deflater.smallestByteCount else {
      (room.bytes + room.pointee.end).copyMemory(from: frame, byteCount: length)
      room.pointee.end += length
      return count
    }
    let destination = room.bytes + room.pointee.end + FrameHeader.maximumServerByteCount
    let byteCount = context.deflater.deflate(
      frame + (length - count), count, to: destination, keepsContext: !context.serverResets)
    append(
      frame.load(as: UInt8.self) | FrameHeader.compressedBit, destination, byteCount, to: room)
    return byteCount
  }
}
