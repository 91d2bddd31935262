// Memory for what cannot be passed on at once: a message still arriving, bytes a socket did not
// take. Blocks come in powers of two and are kept for reuse, because fresh pages cost more than the
// bytes in them: 250 to 350 µs of page faults for 1 MiB.

/// A piece of memory with a filled range; the bytes follow the header.
public struct Block {
  /// The next block of a queue or a free list.
  public var next: UnsafeMutablePointer<Block>?
  /// Bytes that fit, not counting the headroom.
  public var capacity: Int
  /// Where the filled range begins, as an offset from `bytes`; negative within the headroom.
  public var start: Int
  /// Where the filled range ends, as an offset from `bytes`; at most `capacity`.
  public var end: Int
  /// In a queue of frames: the first offset at or after `start` where a frame begins.
  public var boundary: Int
  /// In the last block of a queue of frames: the bytes of the whole queue.
  public var queuedByteCount = 0
  /// In a queue of frames: where a Pong begins that was appended last; -1: none was.
  public var pongStart = -1

  /// Room in front of a message for the header it is sent with.
  public static let headroom = 16
  /// Room for the fields above and the headroom.
  static let prefixByteCount = 80

  /// How far behind the start of a page large memory begins that the kernel copies to or from. Its
  /// packets mostly begin at the start of one, and some CPUs copy more slowly between addresses
  /// that are alike, or nearly so, modulo its size.
  public static let pageOffset = pageByteCount / 2
  /// The size of a page on x86-64, and the smallest there is elsewhere.
  public static let pageByteCount = 4096
  /// The smallest capacity, in bytes, of which that is worth a part of a page.
  private static let smallestPagedCapacity = 1 << 16

  /// Bytes in front of a block that are left out.
  static func leadByteCount(ofCapacity capacity: Int) -> Int {
    capacity >= smallestPagedCapacity ? pageOffset : 0
  }
}

/// A block by its address, which is what owns it.
public typealias BlockPointer = UnsafeMutablePointer<Block>

extension UnsafeMutablePointer where Pointee == Block {
  /// Where the bytes of the block begin; `headroom` bytes before it are the block's too.
  @inline(__always)
  public var bytes: UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(self) + Block.prefixByteCount
  }

  /// Bytes that can still be appended.
  @inline(__always)
  public var room: Int { pointee.capacity - pointee.end }

  /// Filled bytes.
  @inline(__always)
  public var count: Int { pointee.end - pointee.start }

  /// Bytes of memory, filled or not.
  @inline(__always)
  public var byteCount: Int {
    Block.leadByteCount(ofCapacity: pointee.capacity) &+ Block.prefixByteCount &+ pointee.capacity
  }

  /// Makes a block that is empty.
  static func allocate(blockOf capacity: Int) -> BlockPointer {
    let lead = Block.leadByteCount(ofCapacity: capacity)
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: lead + Block.prefixByteCount + capacity,
      alignment: lead > 0 ? Block.pageByteCount : 16)
    let block = (memory + lead).bindMemory(to: Block.self, capacity: 1)
    block.initialize(to: Block(next: nil, capacity: capacity, start: 0, end: 0, boundary: 0))
    return block
  }

  /// Gives the memory back to the system.
  func deallocateBlock() {
    let lead = Block.leadByteCount(ofCapacity: pointee.capacity)
    (UnsafeMutableRawPointer(self) - lead).deallocate()
  }
}

/// Blocks to take and give back; owned by one shard, used on one thread.
public struct BlockPool: ~Copyable {
  private var free: [BlockPointer?]
  private var pooledByteCount = 0
  /// Blocks taken and not given back.
  public private(set) var lentCount = 0
  /// The memory of those blocks in bytes, filled or not.
  public private(set) var lentByteCount = 0
  private let maximumPooledByteCount: Int

  private static let smallestShift = 8

  /// A pool that keeps at most so many bytes for reuse.
  public init(maximumPooledByteCount: Int) {
    self.free = Array(repeating: nil, count: 48)
    self.maximumPooledByteCount = maximumPooledByteCount
  }

  deinit {
    for list in free {
      var next = list
      while let block = next {
        next = block.pointee.next
        block.deallocateBlock()
      }
    }
  }

  /// An empty block that holds at least `count` bytes.
  @inline(never)
  public mutating func take(atLeast count: Int) -> BlockPointer {
    let index = Self.classIndex(count)
    lentCount &+= 1
    if let block = free[index] {
      free[index] = block.pointee.next
      pooledByteCount -= block.pointee.capacity
      lentByteCount &+= block.byteCount
      block.initialize(
        to: Block(next: nil, capacity: block.pointee.capacity, start: 0, end: 0, boundary: 0))
      return block
    }
    let block = BlockPointer.allocate(blockOf: 1 << (index + Self.smallestShift))
    lentByteCount &+= block.byteCount
    return block
  }

  /// Gives a block back.
  @inline(never)
  public mutating func put(_ block: BlockPointer) {
    let capacity = block.pointee.capacity
    lentCount &-= 1
    lentByteCount &-= block.byteCount
    if pooledByteCount + capacity > maximumPooledByteCount {
      block.deallocateBlock()
      return
    }
    let index = Self.classIndex(capacity)
    block.pointee.next = free[index]
    free[index] = block
    pooledByteCount += capacity
  }

  /// A block of at least `count` bytes with the contents of `block`, which is given back.
  public mutating func grow(_ block: BlockPointer, to count: Int) -> BlockPointer {
    if count <= block.pointee.capacity { return block }
    let larger = take(atLeast: count)
    larger.bytes.copyMemory(from: block.bytes, byteCount: block.pointee.end)
    larger.pointee.start = block.pointee.start
    larger.pointee.end = block.pointee.end
    larger.pointee.boundary = block.pointee.boundary
    put(block)
    return larger
  }

  private static func classIndex(_ count: Int) -> Int {
    let bits = Int.bitWidth - max(count - 1, 0).leadingZeroBitCount
    return max(bits - smallestShift, 0)
  }
}
