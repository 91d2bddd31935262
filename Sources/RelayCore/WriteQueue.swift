// The bytes a socket did not take: whole frames in blocks, the first of which may be partly sent. A
// frame never spans two blocks, so frames can be found again and dropped.

import WebSocketProtocol

/// Unsent bytes of one connection, in order.
public struct WriteQueue {
  /// The last block; its `next` is the first, and it keeps the count of all bytes: one pointer a
  /// session is enough, and a session fits three cache lines.
  private var tail: BlockPointer?

  /// An empty queue, which holds no memory until something has to wait.
  public init() {}

  /// Whether nothing waits.
  @inline(__always)
  public var isEmpty: Bool { tail == nil }

  /// How much waits.
  public private(set) var byteCount: Int {
    get { tail?.pointee.queuedByteCount ?? 0 }
    set { tail?.pointee.queuedByteCount = newValue }
  }

  /// Pieces sent in one call at most.
  public static let maximumPieceCount = 16
  private static let smallestBlockByteCount = 1024

  /// Appends frames. The first `partialByteCount` bytes are the rest of a frame already begun; only
  /// an empty queue may be given such a rest.
  public mutating func append(
    _ bytes: UnsafeRawPointer, _ count: Int, partialByteCount: Int = 0, pool: inout BlockPool
  ) {
    if count == 0 { return }
    let block: BlockPointer
    if let last = tail, partialByteCount == 0, last.room >= count {
      block = last
    } else {
      block = pool.take(atLeast: max(count, Self.smallestBlockByteCount))
      block.pointee.boundary = partialByteCount
      link(block)
    }
    (block.bytes + block.pointee.end).copyMemory(from: bytes, byteCount: count)
    block.pointee.end += count
    byteCount += count
  }

  /// Appends a Pong, or puts it in the place of one that is last and not begun: of several that
  /// wait, only the latest is owed (RFC 6455 §5.5.3).
  public mutating func appendPong(
    _ bytes: UnsafeRawPointer, _ count: Int, pool: inout BlockPool
  ) {
    if let last = tail, last.pointee.pongStart >= max(last.pointee.boundary, 0) {
      let start = last.pointee.pongStart
      let known = FrameHeader.serverFrameByteCount(at: last.bytes + start)
      if start + known == last.pointee.end && start + count <= last.pointee.capacity {
        last.pointee.end = start
        byteCount -= known
      }
    }
    append(bytes, count, pool: &pool)
    guard let last = tail else { return }
    last.pointee.pongStart = last.pointee.end - count
  }

  /// Appends a block that holds one frame from `start` to `end`, the first bytes of it possibly
  /// sent.
  public mutating func adopt(_ block: BlockPointer, isBegun: Bool) {
    block.pointee.boundary = isBegun ? block.pointee.end : block.pointee.start
    link(block)
    byteCount += block.count
  }

  private mutating func link(_ block: BlockPointer) {
    block.pointee.queuedByteCount = byteCount
    if let tail {
      block.pointee.next = tail.pointee.next
      tail.pointee.next = block
    } else {
      block.pointee.next = block
    }
    tail = block
  }

  private var head: BlockPointer? { tail?.pointee.next }

  /// The block behind another; nil: that was the last.
  private func successor(of block: BlockPointer) -> BlockPointer? {
    block == tail ? nil : block.pointee.next
  }

  /// Fills `pieces` with the first ranges to send; returns how many.
  public func gather(_ pieces: UnsafeMutableBufferPointer<OutboundPiece>) -> Int {
    var count = 0
    var next = head
    while let block = next, count < pieces.count {
      pieces[count] = OutboundPiece(block.bytes + block.pointee.start, count: block.count)
      count += 1
      next = successor(of: block)
    }
    return count
  }

  /// Removes `count` sent bytes from the front.
  public mutating func consume(_ count: Int, pool: inout BlockPool) {
    byteCount -= count
    var rest = count
    while let block = head, rest >= block.count {
      rest -= block.count
      removeHead(&pool)
    }
    guard rest > 0, let block = head else { return }
    block.pointee.start += rest
    while block.pointee.boundary < block.pointee.start {
      block.pointee.boundary += FrameHeader.serverFrameByteCount(
        at: block.bytes + block.pointee.boundary)
    }
  }

  private mutating func removeHead(_ pool: inout BlockPool) {
    guard let block = head else { return }
    if block == tail { tail = nil } else { tail?.pointee.next = block.pointee.next }
    pool.put(block)
  }

  /// Drops everything.
  public mutating func removeAll(_ pool: inout BlockPool) {
    while head != nil { removeHead(&pool) }
  }
}

// MARK: - Dropping messages

extension WriteQueue {
  /// Messages that were taken out unsent.
  public struct Dropped {
    /// Data messages; control frames are never taken out.
    public var messageCount = 0
    /// Bytes of their payloads, without frame headers.
    public var payloadByteCount = 0
  }

  /// Drops the oldest data messages not yet begun until at least `excess` bytes are gone, or none
  /// is left; control frames stay. Returns what was dropped.
  public mutating func dropOldest(_ excess: Int, pool: inout BlockPool) -> Dropped {
    var dropped = Dropped()
    var droppedByteCount = 0
    var next = head
    while let block = next, droppedByteCount < excess {
      droppedByteCount += dropOldest(excess - droppedByteCount, in: block, &dropped)
      next = successor(of: block)
    }
    byteCount -= droppedByteCount
    closeUp(&pool)
    return dropped
  }

  /// Drops all data messages not yet begun.
  public mutating func dropAll(_ pool: inout BlockPool) -> Dropped {
    dropOldest(byteCount, pool: &pool)
  }

  private func dropOldest(_ excess: Int, in block: BlockPointer, _ dropped: inout Dropped) -> Int {
    var read = block.pointee.boundary
    var write = read
    let end = block.pointee.end
    while read < end {
      let frame = block.bytes + read
      let length = FrameHeader.serverFrameByteCount(at: frame)
      let isControl = frame.load(as: UInt8.self) & 0x08 != 0
      if !isControl && read - write < excess {
        dropped.messageCount += 1
        dropped.payloadByteCount += FrameHeader.serverPayloadByteCount(ofFrame: length)
      } else {
        if write != read { (block.bytes + write).copyMemory(from: frame, byteCount: length) }
        write += length
      }
      read += length
    }
    block.pointee.end = write
    block.pointee.pongStart = -1
    return end - write
  }

  /// Gives back what dropping has emptied, and moves together what fits in one block: otherwise a
  /// Pong in each could keep many large blocks.
  private mutating func closeUp(_ pool: inout BlockPool) {
    var next = head
    let last = tail
    let remaining = byteCount
    tail = nil
    while let block = next {
      next = block == last ? nil : block.pointee.next
      if block.count == 0 {
        pool.put(block)
      } else if let before = tail, before.room >= block.count {
        (before.bytes + before.pointee.end).copyMemory(
          from: block.bytes + block.pointee.start, byteCount: block.count)
        before.pointee.end += block.count
        before.pointee.pongStart = -1
        pool.put(block)
      } else {
        link(block)
      }
    }
    byteCount = remaining
  }
}

// MARK: - Hand-over

extension WriteQueue {
  /// All that waits, in order.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount)
    var next = head
    while let block = next {
      bytes += UnsafeRawBufferPointer(start: block.bytes + block.pointee.start, count: block.count)
      next = successor(of: block)
    }
    return bytes
  }

  /// How many bytes at the front are the rest of a frame already begun, or no frames at all.
  var begunByteCount: Int { head.map { $0.pointee.boundary - $0.pointee.start } ?? 0 }

  /// A queue of such bytes; nil: what follows the first `begunByteCount` is not whole frames.
  init?(_ bytes: [UInt8], begunByteCount: Int, pool: inout BlockPool) {
    guard begunByteCount >= 0, begunByteCount <= bytes.count else { return nil }
    self.init()
    let isWhole = bytes.withUnsafeBytes { bytes in
      FrameHeader.areServerFrames(UnsafeRawBufferPointer(rebasing: bytes[begunByteCount...]))
    }
    if !isWhole { return nil }
    bytes.withUnsafeBytes {
      guard let base = $0.baseAddress else { return }
      append(base, $0.count, partialByteCount: begunByteCount, pool: &pool)
    }
  }
}
