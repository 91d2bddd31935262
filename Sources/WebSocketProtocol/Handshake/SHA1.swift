// SHA-1 (RFC 3174), for the one use RFC 6455 §4.2.2 has for it: proof that the server read the key.
// Nothing here is a security claim; no other part of the relay may use it.

/// A running SHA-1 over bytes as they are appended; holds one block and allocates nothing.
struct SHA1 {
  private var a: UInt32 = 0x6745_2301
  private var b: UInt32 = 0xEFCD_AB89
  private var c: UInt32 = 0x98BA_DCFE
  private var d: UInt32 = 0x1032_5476
  private var e: UInt32 = 0xC3D2_E1F0
  private var block = InlineArray<16, UInt32>(repeating: 0)
  private var byteCount = 0

  init() {}

  /// Takes one more byte of the message.
  mutating func append(_ byte: UInt8) {
    let word = (byteCount & 63) >> 2
    block[word] = block[word] << 8 | UInt32(byte)
    byteCount &+= 1
    if byteCount & 63 == 0 { compress() }
  }

  /// Ends the message and gives its digest.
  consuming func digest() -> InlineArray<20, UInt8> {
    let bitCount = UInt64(byteCount) &* 8
    append(0x80)
    while byteCount & 63 != 56 { append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
      append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
    }
    var digest = InlineArray<20, UInt8>(repeating: 0)
    let words: InlineArray<5, UInt32> = [a, b, c, d, e]
    for index in 0..<20 {
      digest[index] = UInt8(truncatingIfNeeded: words[index >> 2] >> UInt32(24 - (index & 3) * 8))
    }
    return digest
  }

  // RFC 3174 §6.2: the message schedule lives in the block itself, as 16 words that roll.
  private mutating func compress() {
    var (v, w, x, y, z) = (a, b, c, d, e)
    for round in 0..<80 {
      let slot = round & 15
      if round >= 16 {
        let mixed =
          block[(round &+ 13) & 15] ^ block[(round &+ 8) & 15] ^ block[(round &+ 2) & 15]
          ^ block[slot]
        block[slot] = Self.rotate(mixed, by: 1)
      }
      let sum = Self.rotate(v, by: 5) &+ Self.mix(round, w, x, y) &+ z &+ block[slot]
      (v, w, x, y, z) = (sum, v, Self.rotate(w, by: 30), x, y)
    }
    a &+= v
    b &+= w
    c &+= x
    d &+= y
    e &+= z
    // `append` shifts bytes in, so stale words vanish by themselves: four bytes fill a word.
  }

  // RFC 3174 §5: the function and the constant of a round.
  @inline(__always)
  private static func mix(_ round: Int, _ w: UInt32, _ x: UInt32, _ y: UInt32) -> UInt32 {
    switch round {
    case 0..<20: ((w & x) | (~w & y)) &+ 0x5A82_7999
    case 20..<40: (w ^ x ^ y) &+ 0x6ED9_EBA1
    case 40..<60: ((w & x) | (w & y) | (x & y)) &+ 0x8F1B_BCDC
    default: (w ^ x ^ y) &+ 0xCA62_C1D6
    }
  }

  @inline(__always)
  private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 {
    word << count | word >> (32 &- count)
  }
}
