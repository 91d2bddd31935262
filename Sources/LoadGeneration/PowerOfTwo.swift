// How long rings are: a power of two, so that a place in one is a mask and not a division.

extension Int {
  /// The smallest power of two that is not smaller; of 1 or more.
  var roundedUpToPowerOfTwo: Int { 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
