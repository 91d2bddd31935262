// The compression of messages (RFC 7692 §7.2.1).

import CZlib

/// A raw deflate stream of zlib, and the window it keeps; freed by `release`.
///
/// A plain value: copies are the same stream. It holds its memory for its whole life.
public struct Deflater {
  private let stream: UnsafeMutablePointer<z_stream>

  /// Below this a message is not worth compressing: it would hardly shrink.
  public static let smallestByteCount = 64
  /// The smallest window that zlib compresses with.
  public static let minimumWindowBits = 9
  /// zlib's fastest level: on the wire it is within 7 % of the default, at a third less work.
  private static let level: Int32 = 1
  /// Bytes that a flush adds and RFC 7692 §7.2.1 takes away again: 00 00 FF FF.
  private static let tailByteCount = 4
  /// What zlib's bound does not count: a flush instead of the end, bits that were left over.
  private static let flushByteCount = 64

  /// A stream with a window of so many bits, 9 to 15; `memoryLevel` 1 to 9; nil: no memory.
  public init?(windowBits: Int, memoryLevel: Int) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let result = deflateInit2_(
      stream, Self.level, Z_DEFLATED, Int32(-windowBits), Int32(memoryLevel),
      Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard result == Z_OK else {
      stream.deallocate()
      return nil
    }
  }

  /// Memory of such a stream in bytes: what zlib's zconf.h says, and its state.
  public static func byteCount(windowBits: Int, memoryLevel: Int) -> Int {
    1 << (windowBits + 2) + 1 << (memoryLevel + 9) + 6144
  }

  /// Frees the stream and its window.
  public func release() {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// What the next message may refer to: at most 2^windowBits bytes, the latest last.
  public var window: [UInt8] {
    var count: UInt32 = 0
    deflateGetDictionary(stream, nil, &count)
    return [UInt8](unsafeUninitializedCapacity: Int(count)) { bytes, filled in
      filled = deflateGetDictionary(stream, bytes.baseAddress, &count) == Z_OK ? Int(count) : 0
    }
  }

  /// Takes up the window of another stream; only before anything is compressed. False: zlib refused
  /// it.
  public func takeUp(window: [UInt8]) -> Bool {
    window.isEmpty || deflateSetDictionary(stream, window, UInt32(clamping: window.count)) == Z_OK
  }

  /// The most bytes that `deflate` writes for a payload.
  public func maximumByteCount(forPayload count: Int) -> Int {
    Int(deflateBound(stream, UInt(count))) + Self.flushByteCount
  }

  /// Compresses the payload of one message to `destination`, which has room for
  /// `maximumByteCount(forPayload:)`; returns the bytes to be sent. `keepsContext`: the window of
  /// the message before is used, and the receiver must get this message, too.
  public func deflate(
    _ payload: UnsafeRawPointer, _ count: Int, to destination: UnsafeMutableRawPointer,
    keepsContext: Bool
  ) -> Int {
    if count == 0 {
      // RFC 7692 §7.2.3.6: an empty block; zlib has nothing to flush then.
      destination.storeBytes(of: 0, as: UInt8.self)
      return 1
    }
    if !keepsContext { deflateReset(stream) }
    let room = maximumByteCount(forPayload: count)
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: payload.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(clamping: count)
    stream.pointee.next_out = destination.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(clamping: room)
    let result = CZlib.deflate(stream, Z_SYNC_FLUSH)
    precondition(
      result == Z_OK && stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0,
      "deflate did not take a message it had room for")
    return room - Int(stream.pointee.avail_out) - Self.tailByteCount
  }
}
