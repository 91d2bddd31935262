// Blocks: how large, what is kept, what growing keeps, and that all come back.

import Testing

@testable import WebSocketProtocol

@Suite("Blocks of memory")
struct BlockPoolTests {
  @Test(
    arguments: [
      (0, 256), (1, 256), (255, 256), (256, 256), (257, 512), (512, 512), (513, 1024),
      (65_536, 65_536), (65_537, 131_072), (1 << 20, 1 << 20), (1 << 20 + 1, 1 << 21),
    ])
  func blocksComeInPowersOfTwo(count: Int, capacity: Int) {
    var pool = BlockPool(maximumPooledByteCount: 0)
    let block = pool.take(atLeast: count)
    #expect(block.pointee.capacity == capacity)
    #expect(block.count == 0)
    #expect(block.room == capacity)
    #expect(block.pointee.start == 0)
    #expect(block.pointee.boundary == 0)
    // The headroom in front and the last byte are the block's own.
    (block.bytes - Block.headroom).storeBytes(of: 1, as: UInt8.self)
    (block.bytes + capacity - 1).storeBytes(of: 1, as: UInt8.self)
    #expect(block.pointee.capacity == capacity)
    pool.put(block)
  }

  @Test func aBlockIsUsedAgain() {
    var pool = BlockPool(maximumPooledByteCount: 1024)
    let first = pool.take(atLeast: 200)
    first.pointee.start = 3
    first.pointee.end = 100
    first.pointee.boundary = 50
    pool.put(first)
    let second = pool.take(atLeast: 250)
    #expect(second == first)
    #expect(second.pointee.start == 0)
    #expect(second.pointee.end == 0)
    #expect(second.pointee.boundary == 0)
    #expect(second.pointee.next == nil)
    #expect(second.pointee.capacity == 256)
    pool.put(second)
  }

  @Test func blocksOfOneSizeAreNotUsedForAnother() {
    var pool = BlockPool(maximumPooledByteCount: 4096)
    let small = pool.take(atLeast: 256)
    pool.put(small)
    let large = pool.take(atLeast: 257)
    #expect(large != small)
    #expect(large.pointee.capacity == 512)
    pool.put(large)
  }

  /// The pool keeps 512 bytes: two blocks of 256, not the third, and none of 1024.
  @Test func whatIsKeptIsBounded() {
    var pool = BlockPool(maximumPooledByteCount: 512)
    let blocks = (0..<3).map { _ in pool.take(atLeast: 256) }
    let large = pool.take(atLeast: 1024)
    #expect(pool.lentCount == 4)
    #expect(pool.lentByteCount == 3 * 256 + 1024 + 4 * Block.prefixByteCount)
    pool.put(large)
    blocks.forEach { pool.put($0) }
    #expect(pool.lentCount == 0)
    #expect(pool.lentByteCount == 0)
    // Last in, first out: the third was not kept.
    let first = pool.take(atLeast: 1)
    let second = pool.take(atLeast: 1)
    #expect(first == blocks[1])
    #expect(second == blocks[0])
    pool.put(first)
    pool.put(second)
  }

  /// The memory in front of a large block is counted, and given back with it: the pool keeps one.
  @Test func largeBlocksBeginInTheMiddleOfAPage() {
    var pool = BlockPool(maximumPooledByteCount: 1 << 16)
    let blocks = (0..<2).map { _ in pool.take(atLeast: 1 << 16) }
    for block in blocks {
      #expect(UInt(bitPattern: block) % 4096 == UInt(Block.pageOffset))
      UnsafeMutableRawBufferPointer(start: block.bytes, count: 1 << 16)
        .initializeMemory(as: UInt8.self, repeating: 1)
    }
    #expect(
      pool.lentByteCount == 2 * (Block.pageOffset + Block.prefixByteCount + (1 << 16)))
    blocks.forEach { pool.put($0) }
    #expect(pool.lentByteCount == 0)
    let kept = pool.take(atLeast: 1 << 16)
    #expect(kept == blocks[0])
    pool.put(kept)
  }

  /// Blocks that are taken out count no longer.
  @Test func takingMakesRoom() {
    var pool = BlockPool(maximumPooledByteCount: 256)
    for _ in 0..<100 {
      let block = pool.take(atLeast: 10)
      pool.put(block)
    }
    let kept = pool.take(atLeast: 10)
    pool.put(kept)
    let again = pool.take(atLeast: 10)
    #expect(again == kept)
    pool.put(again)
  }

  @Test func growthWithinCapacityKeepsTheBlock() {
    var pool = BlockPool(maximumPooledByteCount: 0)
    let block = pool.take(atLeast: 10)
    #expect(pool.grow(block, to: 256) == block)
    #expect(pool.lentCount == 1)
    pool.put(block)
  }

  @Test func growthMovesWhatIsThere() {
    var pool = BlockPool(maximumPooledByteCount: 1 << 20)
    let block = pool.take(atLeast: 256)
    let contents = pattern(256)
    block.bytes.copyMemory(from: contents, byteCount: 256)
    block.pointee.start = 5
    block.pointee.end = 256
    block.pointee.boundary = 70
    let larger = pool.grow(block, to: 257)
    #expect(larger != block)
    #expect(larger.pointee.capacity == 512)
    #expect(larger.count == 251)
    #expect(larger.room == 256)
    #expect(larger.pointee.boundary == 70)
    #expect(Array(UnsafeRawBufferPointer(start: larger.bytes, count: 256)) == contents)
    #expect(pool.lentCount == 1)
    // The old block is there to be taken.
    let reused = pool.take(atLeast: 256)
    #expect(reused == block)
    pool.put(reused)
    pool.put(larger)
    #expect(pool.lentCount == 0)
  }
}
