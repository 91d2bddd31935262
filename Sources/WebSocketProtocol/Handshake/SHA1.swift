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

  // RFC 3174 §6.2: the message schedule is 16 words that roll; §5: four functions and constants.
  private mutating func compress() {
    var words = block
    var v = Working(a: a, b: b, c: c, d: d, e: e)
    for round in 0..<20 {
      v.turn((v.b & v.c) | (~v.b & v.d), 0x5A82_7999, Self.word(round, of: &words))
    }
    for round in 20..<40 { v.turn(v.b ^ v.c ^ v.d, 0x6ED9_EBA1, Self.word(round, of: &words)) }
    for round in 40..<60 {
      v.turn((v.b & v.c) | (v.d & (v.b | v.c)), 0x8F1B_BCDC, Self.word(round, of: &words))
    }
    for round in 60..<80 { v.turn(v.b ^ v.c ^ v.d, 0xCA62_C1D6, Self.word(round, of: &words)) }
    a &+= v.a
    b &+= v.b
    c &+= v.c
    d &+= v.d
    e &+= v.e
    // The block keeps its words: `append` shifts four bytes into each, so nothing old is left.
  }

  private struct Working {
    var a: UInt32
    var b: UInt32
    var c: UInt32
    var d: UInt32
    var e: UInt32

    @inline(__always)
    mutating func turn(_ mixed: UInt32, _ constant: UInt32, _ word: UInt32) {
      let sum = SHA1.rotate(a, by: 5) &+ mixed &+ e &+ word &+ constant
      (a, b, c, d, e) = (sum, a, SHA1.rotate(b, by: 30), c, d)
    }
  }

  @inline(__always)
  private static func word(_ round: Int, of words: inout InlineArray<16, UInt32>) -> UInt32 {
    let slot = round & 15
    if round >= 16 {
      let mixed =
        words[(round &+ 13) & 15] ^ words[(round &+ 8) & 15] ^ words[(round &+ 2) & 15]
        ^ words[slot]
      words[slot] = rotate(mixed, by: 1)
    }
    return words[slot]
  }

  @inline(__always)
  private static func rotate(_ word: UInt32, by count: UInt32) -> UInt32 {
    word &<< count | word &>> (32 &- count)
  }
}
