// SHA-1 (RFC 3174), for the one use RFC 6455 §4.2.2 has for it: proof that the server read the key.
// Nothing here is a security claim; no other part of the relay may use it.

/// The digest of a whole message; allocates nothing.
enum SHA1 {
  private static let blockByteCount = 64

  /// The digest of these bytes.
  static func digest(of message: UnsafeRawBufferPointer) -> InlineArray<20, UInt8> {
    var state = State()
    var rest = message
    while let block = rest.baseAddress, rest.count >= blockByteCount {
      state.take(block)
      rest = UnsafeRawBufferPointer(rebasing: rest[blockByteCount...])
    }
    // RFC 3174 §4: a one bit, zeros, and the length in bits, which may need a block more.
    let byteCount = rest.count < blockByteCount - 8 ? blockByteCount : 2 * blockByteCount
    withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 8) { padded in
      _ = padded.initializeMemory(as: UInt8.self, repeating: 0)
      padded.copyMemory(from: rest)
      padded[rest.count] = 0x80
      padded.storeBytes(
        of: (UInt64(message.count) &* 8).bigEndian, toByteOffset: byteCount - 8, as: UInt64.self)
      for offset in stride(from: 0, to: byteCount, by: blockByteCount) {
        state.take(padded.baseAddress! + offset)
      }
    }
    return state.digest
  }

  private struct State {
    var a: UInt32 = 0x6745_2301
    var b: UInt32 = 0xEFCD_AB89
    var c: UInt32 = 0x98BA_DCFE
    var d: UInt32 = 0x1032_5476
    var e: UInt32 = 0xC3D2_E1F0

    var digest: InlineArray<20, UInt8> {
      let words: InlineArray<5, UInt32> = [a, b, c, d, e]
      return InlineArray { index in
        UInt8(truncatingIfNeeded: words[index >> 2] >> UInt32(24 - (index & 3) * 8))
      }
    }

    /// Takes a block of 64 bytes in (RFC 3174 §6.1): 80 words are made of its 16, and one goes into
    /// each round; §5 has the four functions and constants.
    mutating func take(_ block: UnsafeRawPointer) {
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { buffer in
        guard let words = buffer.baseAddress else { return }
        for index in 0..<16 {
          let word = block.loadUnaligned(fromByteOffset: 4 &* index, as: UInt32.self)
          words[index] = UInt32(bigEndian: word)
        }
        for index in 16..<80 {
          words[index] = rotate(
            words[index &- 3] ^ words[index &- 8] ^ words[index &- 14] ^ words[index &- 16], by: 1)
        }
        var next = self
        next.turn(words, 0x5A82_7999) { b, c, d in d ^ (b & (c ^ d)) }
        next.turn(words + 20, 0x6ED9_EBA1) { b, c, d in b ^ c ^ d }
        next.turn(words + 40, 0x8F1B_BCDC) { b, c, d in (b & c) | (d & (b | c)) }
        next.turn(words + 60, 0xCA62_C1D6) { b, c, d in b ^ c ^ d }
        a &+= next.a
        b &+= next.b
        c &+= next.c
        d &+= next.d
        e &+= next.e
      }
    }

    /// Twenty rounds. Each changes two of the five words and then renames all of them; after five
    /// the old names are back, so that nothing has to be moved.
    @inline(__always)
    private mutating func turn(
      _ words: UnsafePointer<UInt32>, _ constant: UInt32,
      _ mixed: (UInt32, UInt32, UInt32) -> UInt32
    ) {
      var index = 0
      while index < 20 {
        e &+= rotate(a, by: 5) &+ mixed(b, c, d) &+ constant &+ words[index]
        b = rotate(b, by: 30)
        d &+= rotate(e, by: 5) &+ mixed(a, b, c) &+ constant &+ words[index &+ 1]
        a = rotate(a, by: 30)
        c &+= rotate(d, by: 5) &+ mixed(e, a, b) &+ constant &+ words[index &+ 2]
        e = rotate(e, by: 30)
        b &+= rotate(c, by: 5) &+ mixed(d, e, a) &+ constant &+ words[index &+ 3]
        d = rotate(d, by: 30)
        a &+= rotate(b, by: 5) &+ mixed(c, d, e) &+ constant &+ words[index &+ 4]
        c = rotate(c, by: 30)
        index &+= 5
      }
    }
  }

  @inline(__always)
  private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 {
    word &<< count | word &>> (32 &- count)
  }
}
