// The queue of unsent bytes, against a plain list of frames.

import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

@Suite("Write queue")
struct WriteQueueTests {
  /// What the queue should hold: frames, the first of which may have lost its beginning.
  private struct Model {
    var frames: [(bytes: [UInt8], isControl: Bool, isBegun: Bool)] = []
    /// The last frame is a Pong that was appended as one.
    var endsInPong = false

    var bytes: [UInt8] { frames.flatMap(\.bytes) }

    mutating func consume(_ count: Int) {
      var rest = count
      while rest > 0 {
        if frames[0].bytes.count <= rest {
          rest -= frames.removeFirst().bytes.count
        } else {
          frames[0].bytes.removeFirst(rest)
          frames[0].isBegun = true
          rest = 0
        }
      }
    }

    mutating func dropOldest(_ excess: Int) -> Int {
      var dropped = 0
      var droppedByteCount = 0
      frames.removeAll { frame in
        if frame.isControl || frame.isBegun || droppedByteCount >= excess { return false }
        dropped += 1
        droppedByteCount += frame.bytes.count
        return true
      }
      return dropped
    }
  }

  private static func content(_ queue: WriteQueue) -> [UInt8] {
    let pieces = UnsafeMutableBufferPointer<OutboundPiece>.allocate(capacity: 4096)
    defer { pieces.deallocate() }
    return pieces[..<queue.gather(pieces)].flatMap {
      Array(UnsafeRawBufferPointer(start: $0.base, count: $0.count))
    }
  }

  @Test("Consumed at every split")
  func everySplit() {
    let frames = [CoreFrame.text("abc"), .ping([1]), .binary(Array(repeating: 7, count: 200))]
    let bytes = frames.flatMap(\.fromServer)
    for begun in 0..<5 {
      for split in 0...(bytes.count - begun) {
        var pool = BlockPool(maximumPooledByteCount: 1 << 20)
        var queue = WriteQueue()
        bytes.withUnsafeBytes {
          queue.append(
            $0.baseAddress! + begun, $0.count - begun,
            partialByteCount: begun == 0 ? 0 : 5 - begun, pool: &pool)
        }
        queue.consume(split, pool: &pool)
        #expect(Self.content(queue) == Array(bytes[(begun + split)...]))
        #expect(queue.byteCount == bytes.count - begun - split)
        // What is begun stays: the text once a byte of it is gone, the Ping anyway.
        let before = queue.byteCount
        let dropped = queue.dropAll(&pool)
        let offset = begun + split
        let isTextLeft = offset == 0
        let isBinaryLeft = offset <= 8
        #expect(dropped.messageCount == (isTextLeft ? 1 : 0) + (isBinaryLeft ? 1 : 0))
        #expect(
          queue.byteCount == before - (isTextLeft ? 5 : 0) - (isBinaryLeft ? 204 : 0))
        queue.removeAll(&pool)
        #expect(queue.isEmpty && queue.byteCount == 0 && pool.lentCount == 0)
      }
    }
  }

  @Test("Random operations", arguments: 1...40 as ClosedRange<UInt64>)
  func random(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var pool = BlockPool(maximumPooledByteCount: 1 << 20)
    var queue = WriteQueue()
    var model = Model()
    for _ in 0..<400 {
      switch random.below(7) {
      case 0, 1: Self.append(&queue, &model, &random, &pool)
      case 2: Self.adopt(&queue, &model, &random, &pool)
      case 6: Self.appendPong(&queue, &model, &random, &pool)
      case 3, 4:
        let count = random.below(min(queue.byteCount, 3000) + 1)
        queue.consume(count, pool: &pool)
        model.consume(count)
      default:
        let excess = random.below(2000)
        let dropped = queue.dropOldest(excess, pool: &pool)
        #expect(dropped.messageCount == model.dropOldest(excess), "seed \(seed)")
      }
      #expect(queue.byteCount == model.bytes.count, "seed \(seed)")
      #expect(queue.isEmpty == model.frames.isEmpty, "seed \(seed)")
    }
    #expect(Self.content(queue) == model.bytes, "seed \(seed)")
    queue.removeAll(&pool)
    #expect(pool.lentCount == 0, "seed \(seed)")
  }

  private static func frame(_ random: inout SeededGenerator) -> CoreFrame {
    random.once(in: 4)
      ? CoreFrame(random.pick([0x88, 0x89, 0x8A]), random.bytes(random.below(126)))
      : CoreFrame(random.pick([0x81, 0x82]), random.bytes(random.size(atMost: 70_000)))
  }

  /// Whole frames, or to an empty queue what a socket left of some.
  private static func append(
    _ queue: inout WriteQueue, _ model: inout Model, _ random: inout SeededGenerator,
    _ pool: inout BlockPool
  ) {
    let frames = (0...random.below(4)).map { _ in frame(&random) }
    var bytes = frames.flatMap(\.fromServer)
    let first = frames[0].fromServer.count
    model.endsInPong = false
    let begun = queue.isEmpty && random.once(in: 2) ? random.below(first) : 0
    bytes.removeFirst(begun)
    for (index, frame) in frames.enumerated() {
      model.frames.append(
        (
          Array(frame.fromServer.dropFirst(index == 0 ? begun : 0)), frame.isControl,
          index == 0 && begun > 0
        ))
    }
    bytes.withUnsafeBytes {
      queue.append(
        $0.baseAddress!, $0.count, partialByteCount: begun > 0 ? first - begun : 0, pool: &pool)
    }
  }

  /// A Pong, which takes the place of one that is last and not begun, if there is room for it.
  private static func appendPong(
    _ queue: inout WriteQueue, _ model: inout Model, _ random: inout SeededGenerator,
    _ pool: inout BlockPool
  ) {
    let bytes = CoreFrame.pong(random.bytes(random.below(126))).fromServer
    let before = queue.byteCount
    bytes.withUnsafeBytes { queue.appendPong($0.baseAddress!, $0.count, pool: &pool) }
    let replaced = before + bytes.count - queue.byteCount
    if replaced > 0 {
      #expect(model.endsInPong && model.frames.last?.isBegun == false)
      #expect(model.frames.popLast()?.bytes.count == replaced)
    }
    model.frames.append((bytes, true, false))
    model.endsInPong = true
  }

  /// A block with one message, its header in the headroom.
  private static func adopt(
    _ queue: inout WriteQueue, _ model: inout Model, _ random: inout SeededGenerator,
    _ pool: inout BlockPool
  ) {
    let frame = CoreFrame.binary(random.bytes(65_536 + random.below(2000)))
    let block = pool.take(atLeast: frame.payload.count)
    block.pointee.start = -10
    block.pointee.end = frame.payload.count
    let bytes = frame.fromServer
    bytes.withUnsafeBytes {
      (block.bytes - 10).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
    }
    model.endsInPong = false
    let begun = queue.isEmpty ? random.below(20) : 0
    block.pointee.start += begun
    queue.adopt(block, isBegun: begun > 0)
    model.frames.append((Array(bytes.dropFirst(begun)), false, begun > 0))
  }
}
