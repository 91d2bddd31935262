// Compressed messages: whatever the bytes promise, never more than the maximum comes out; and what
// one end compresses the other inflates to the same bytes.

import WebSocketProtocol

enum DeflateTarget {
  static func check(_ input: inout FuzzInput) {
    let keepsContext = input.byte() & 1 == 1
    let windowBits = input.pick([15, 8, 9, 12])
    let maximum = input.pick([1 << 16, 1, 64, 1000, 4096])
    let memoryLevel = input.pick([8, 1, 5, 9])
    let firstCount = Int(input.byte())
    let messages = [input.take(firstCount), input.rest()]
    var pool = BlockPool(maximumPooledByteCount: 1 << 20)
    inflate(messages, windowBits, maximum, keepsContext, &pool)
    guard let deflater = Deflater(windowBits: max(9, windowBits), memoryLevel: memoryLevel) else {
      fatalError("no memory for a deflater")
    }
    defer { deflater.release() }
    roundTrip(messages, deflater, max(9, windowBits), keepsContext, &pool)
    expect(pool.lentCount == 0, "\(pool.lentCount) blocks not given back")
  }

  /// Arbitrary bytes as compressed messages.
  private static func inflate(
    _ messages: [[UInt8]], _ windowBits: Int, _ maximum: Int, _ keepsContext: Bool,
    _ pool: inout BlockPool
  ) {
    guard let inflater = Inflater(windowBits: windowBits) else { fatalError("no memory") }
    defer { inflater.release() }
    for message in messages {
      guard let payload = inflater.payload(of: message, maximum, keepsContext, &pool) else {
        return
      }
      expect(payload.count <= maximum, "\(payload.count) bytes, at most \(maximum) allowed")
    }
  }

  /// The same messages, compressed and inflated again.
  private static func roundTrip(
    _ messages: [[UInt8]], _ deflater: Deflater, _ windowBits: Int, _ keepsContext: Bool,
    _ pool: inout BlockPool
  ) {
    guard let inflater = Inflater(windowBits: windowBits) else { fatalError("no memory") }
    defer { inflater.release() }
    for message in messages {
      let compressed = deflater.compressed(message, keepsContext)
      let payload = inflater.payload(of: compressed, max(1, message.count), keepsContext, &pool)
      expect(payload == message, "\(message) came back as \(payload ?? [])")
    }
    // The last message once more, with room for all but its last byte.
    guard let last = messages.last, last.count > 1 else { return }
    let compressed = deflater.compressed(last, keepsContext)
    let payload = inflater.payload(of: compressed, last.count - 1, keepsContext, &pool)
    expect(payload == nil, "\(last.count) bytes where \(last.count - 1) are allowed")
  }
}

extension Inflater {
  /// The payload of a message, copied; nil if it was refused.
  fileprivate func payload(
    of message: [UInt8], _ maximum: Int, _ keepsContext: Bool, _ pool: inout BlockPool
  ) -> [UInt8]? {
    // Not empty: an empty message has memory, too, and zlib insists on an address.
    let result = message.inExactMemory {
      inflate(
        $0.baseAddress!, message.count, maximumByteCount: maximum, keepsContext: keepsContext,
        pool: &pool)
    }
    guard case .inflated(let block, _) = result else { return nil }
    defer { pool.put(block) }
    return Array(UnsafeRawBufferPointer(start: block.bytes, count: block.pointee.end))
  }
}

extension Deflater {
  fileprivate func compressed(_ message: [UInt8], _ keepsContext: Bool) -> [UInt8] {
    let room = maximumByteCount(forPayload: message.count)
    return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      count = message.inExactMemory {
        deflate($0.baseAddress!, message.count, to: buffer.baseAddress!, keepsContext: keepsContext)
      }
    }
  }
}
