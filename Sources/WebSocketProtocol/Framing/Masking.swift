// Masking (RFC 6455 §5.3), fused with the test whether all bytes are ASCII: one pass over a
// payload. Long payloads are left to CMasking, which has wider vectors.

import CMasking

/// XOR with a repeated four-byte key.
public enum Masking {
  /// From so many bytes on a call costs less than it saves.
  @usableFromInline static let longByteCount = 1024

  /// Writes `count` bytes of `source`, XORed with `key`, to `destination`; returns whether all that
  /// was written is ASCII. The ranges may overlap if `destination` is not above `source`: each
  /// block is read before anything is written over it.
  ///
  /// 64 bytes at a time as eight words: the widest shape the compiler turns into vector
  /// instructions.
  @inlinable @inline(__always)
  public static func apply(
    _ key: UInt32, from source: UnsafeRawPointer, count: Int,
    to destination: UnsafeMutableRawPointer
  ) -> Bool {
    if count >= longByteCount { return cmasking_apply(destination, source, count, key) }
    let wideKey = UInt64(key) &* 0x1_0000_0001
    var seen: UInt64 = 0
    var offset = 0
    if count >= 64 {
      let blockKey = SIMD8<UInt64>(repeating: wideKey)
      var seenBlock = SIMD8<UInt64>(repeating: 0)
      let end = count & ~63
      while offset < end {
        let block =
          source.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self) ^ blockKey
        (destination + offset).storeBytes(of: block, as: SIMD8<UInt64>.self)
        seenBlock |= block
        offset &+= 64
      }
      seen =
        (seenBlock[0] | seenBlock[1] | seenBlock[2] | seenBlock[3])
        | (seenBlock[4] | seenBlock[5] | seenBlock[6] | seenBlock[7])
    }
    while offset &+ 8 <= count {
      let word = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ wideKey
      (destination + offset).storeBytes(of: word, as: UInt64.self)
      seen |= word
      offset &+= 8
    }
    // Fewer than eight bytes are left, and `offset` is a multiple of eight.
    var restKey = UInt64(littleEndian: wideKey)
    while offset < count {
      let byte =
        source.load(fromByteOffset: offset, as: UInt8.self) ^ UInt8(truncatingIfNeeded: restKey)
      (destination + offset).storeBytes(of: byte, as: UInt8.self)
      seen |= UInt64(byte)
      restKey >>= 8
      offset &+= 1
    }
    return seen & 0x8080_8080_8080_8080 == 0
  }

  /// The key for the bytes that follow the first `count` of a payload.
  @inlinable @inline(__always)
  public static func rotate(_ key: UInt32, past count: Int) -> UInt32 {
    let shift = UInt32(truncatingIfNeeded: (count & 3) &* 8)
    let wire = UInt32(littleEndian: key)
    return UInt32(littleEndian: shift == 0 ? wire : (wire >> shift) | (wire << (32 &- shift)))
  }
}
