// SHA-1 (RFC 3174), for the one use RFC 6455 §4.2.2 has for it: proof that the server read the key.
// Nothing here is a security claim; no other part of the relay may use it.

import CSHA1

/// The digest of a whole message; allocates nothing.
enum SHA1 {
  private static let blockByteCount = 64

  /// The digest of these bytes.
  static func digest(of message: UnsafeRawBufferPointer) -> InlineArray<20, UInt8> {
    // RFC 3174 §6.1: the words that every digest begins with.
    var state: InlineArray<5, UInt32> = [
      0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0,
    ]
    let (blockCount, restByteCount) = message.count.quotientAndRemainder(
      dividingBy: blockByteCount)
    take(message.baseAddress, blockCount, into: &state)
    // RFC 3174 §4: a one bit, zeros, and the length in bits, which may need a block more.
    let byteCount = restByteCount < blockByteCount - 8 ? blockByteCount : 2 * blockByteCount
    withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { padded in
      _ = padded.initializeMemory(as: UInt8.self, repeating: 0)
      padded.copyMemory(from: UnsafeRawBufferPointer(rebasing: message.suffix(restByteCount)))
      padded[restByteCount] = 0x80
      padded.storeBytes(
        of: (UInt64(message.count) &* 8).bigEndian, toByteOffset: byteCount - 8, as: UInt64.self)
      take(padded.baseAddress, byteCount / blockByteCount, into: &state)
    }
    return InlineArray { index in
      UInt8(truncatingIfNeeded: state[index >> 2] >> UInt32(24 - (index & 3) * 8))
    }
  }

  private static func take(
    _ blocks: UnsafeRawPointer?, _ count: Int, into state: inout InlineArray<5, UInt32>
  ) {
    guard let blocks, count > 0 else { return }
    withUnsafeMutableBytes(of: &state) {
      csha1_take($0.assumingMemoryBound(to: UInt32.self).baseAddress, blocks, count)
    }
  }
}
