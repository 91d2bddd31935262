// Where the latest of many numbered things are kept. A division for each message, and two for each
// delivery, were a tenth of what they cost.

/// The places of a ring: a power of two, so that a number's place is a few of its bits.
struct Ring {
  /// How many places there are.
  let count: Int

  /// At least so many places, which is more than 0.
  init(atLeast minimum: Int) {
    precondition(minimum > 0, "a ring without places")
    count = 1 << (Int.bitWidth - (minimum - 1).leadingZeroBitCount)
  }

  /// The place of a number, 0 or more.
  @inline(__always)
  subscript(_ number: Int) -> Int { number & (count &- 1) }
}
