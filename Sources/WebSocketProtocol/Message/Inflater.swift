// The decompression of messages (RFC 7692 §7.2.2), bounded before it happens: never more than a
// message may have is written, whatever the compressed bytes promise.

import CZlib

/// What became of a compressed message.
public enum InflatedMessage {
  /// Its payload, in a block that is the caller's now. `isPlainDeflate`: nothing in it claims to be
  /// the last deflate block, so that any receiver understands the same bytes.
  case inflated(BlockPointer, isPlainDeflate: Bool)
  /// It has more than the allowed number of bytes.
  case tooBig
  /// It is no deflate data, or refers to bytes that were never sent.
  case invalid
}

/// A raw inflate stream of zlib, and the window it keeps; freed by `release`.
///
/// A plain value: copies are the same stream.
public struct Inflater {
  private let stream: UnsafeMutablePointer<z_stream>

  /// The smallest window there is (RFC 7692 §7.1.2).
  public static let minimumWindowBits = 8

  /// What every compressed message ends with and none is sent with (RFC 7692 §7.2.1).
  private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]
  /// Most text shrinks to a quarter: one block usually suffices.
  private static let expectedRatio = 4
  private static let smallestByteCount = 1024

  /// A stream for a peer whose window has so many bits, 8 to 15; nil: no memory.
  public init?(windowBits: Int) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // Negative: raw deflate, without zlib's header and checksum.
    let size = Int32(MemoryLayout<z_stream>.size)
    guard inflateInit2_(stream, Int32(-windowBits), ZLIB_VERSION, size) == Z_OK else {
      stream.deallocate()
      return nil
    }
  }

  /// Memory of such a stream in bytes, once something was inflated: the window, and its state.
  public static func byteCount(windowBits: Int) -> Int { 1 << windowBits + 7 << 10 }

  /// Frees the stream and its window.
  public func release() {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// What the next message may refer to: at most 2^windowBits bytes, the latest last.
  public var window: [UInt8] {
    var count: UInt32 = 0
    inflateGetDictionary(stream, nil, &count)
    return [UInt8](unsafeUninitializedCapacity: Int(count)) { bytes, filled in
      filled = inflateGetDictionary(stream, bytes.baseAddress, &count) == Z_OK ? Int(count) : 0
    }
  }

  /// Takes up the window of another stream; only before anything is inflated. False: it is larger
  /// than that of this stream, or there is no memory for it.
  public func takeUp(window: [UInt8]) -> Bool {
    window.isEmpty || inflateSetDictionary(stream, window, UInt32(clamping: window.count)) == Z_OK
  }

  /// Inflates the payload of one message, whose last four bytes were left out, to at most
  /// `maximumByteCount` bytes. `keepsContext`: the window of the message before is still there.
  ///
  /// After anything but `inflated` the stream is of no more use to its connection.
  public func inflate(
    _ payload: UnsafeRawPointer, _ count: Int, maximumByteCount: Int, keepsContext: Bool,
    pool: inout BlockPool
  ) -> InflatedMessage {
    if !keepsContext { inflateReset(stream) }
    let expected = min(max(count, Self.smallestByteCount / 4), Int.max / 8) * Self.expectedRatio
    var block = pool.take(atLeast: min(expected, maximumByteCount + 1))
    var isPlain = true
    let isValid =
      run(payload, count, &block, maximumByteCount, &isPlain, &pool)
      && Self.tail.withUnsafeBytes {
        run($0.baseAddress!, $0.count, &block, maximumByteCount, &isPlain, &pool)
      }
      && isAtBlockBoundary
    if isValid && block.pointee.end <= maximumByteCount {
      return .inflated(block, isPlainDeflate: isPlain)
    }
    let isTooBig = block.pointee.end > maximumByteCount
    pool.put(block)
    return isTooBig ? .tooBig : .invalid
  }

  /// Whether the last byte of the input was the last of a deflate block: otherwise the message was
  /// cut off. zlib says so in `data_type`, and forgets it in a reset, which follows a last block.
  private var isAtBlockBoundary: Bool {
    stream.pointee.data_type & 128 != 0 || stream.pointee.total_in == 0
  }

  /// Inflates some input behind what the block has; false: it is invalid, or the block has more
  /// than the maximum.
  private func run(
    _ input: UnsafeRawPointer, _ count: Int, _ block: inout BlockPointer, _ maximumByteCount: Int,
    _ isPlain: inout Bool, _ pool: inout BlockPool
  ) -> Bool {
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: input.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(clamping: count)
    while true {
      // One byte more than allowed shows that there is more.
      let room = min(block.room, maximumByteCount + 1 - block.pointee.end)
      stream.pointee.next_out = (block.bytes + block.pointee.end)
        .assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(clamping: room)
      let result = CZlib.inflate(stream, Z_SYNC_FLUSH)
      block.pointee.end += room - Int(stream.pointee.avail_out)
      if block.pointee.end > maximumByteCount { return false }
      switch result {
      case Z_STREAM_END:
        // RFC 7692 §7.2.3.4: a block may be marked as the last one; others may follow it.
        isPlain = false
        inflateReset(stream)
      case Z_OK, Z_BUF_ERROR: break
      default: return false
      }
      // With room left everything that the input gives has come out.
      if stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0 { return true }
      if stream.pointee.avail_out == 0 {
        let larger = min(block.pointee.capacity * 4, maximumByteCount + 1)
        block = pool.grow(block, to: max(larger, block.pointee.end + 1))
      } else if result == Z_BUF_ERROR {
        return false
      }
    }
  }
}
