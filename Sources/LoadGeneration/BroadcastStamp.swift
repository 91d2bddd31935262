// What a broadcast message says of itself, in its first 21 bytes.

/// Publisher, number and departure of a message, in base 64 of a plain kind: six bits a character,
/// from "0" on, so that it is text.
struct BroadcastStamp: Equatable {
  let publisher: Int
  let number: Int
  /// In nanoseconds.
  let departure: UInt64

  static let byteCount = 21
  private static let mark = UInt8(ascii: "#")
  private static let zero = UInt8(ascii: "0")
  // Characters of each part: 16 million publishers, 68 thousand million messages, 36 years.
  private static let publisherLength = 4
  private static let numberLength = 6
  private static let departureLength = 10

  /// Publishers that can be told apart.
  static let maximumPublisherCount = 1 << 24

  init(publisher: Int, number: Int, departure: UInt64) {
    self.publisher = publisher
    self.number = number
    self.departure = departure
  }

  /// nil: the message has no stamp.
  @inline(__always)
  init?(_ payload: UnsafeRawBufferPointer) {
    guard payload.count >= Self.byteCount, payload[0] == Self.mark else { return nil }
    // Publisher and half of the number; the rest of it and of the departure; the end of that.
    let first = Self.value(payload, at: 1)
    let second = Self.value(payload, at: 9)
    let third = Self.value(payload, at: 13)
    publisher = Int(first >> 24)
    number = Int((first & 0xFF_FFFF) << 12 | second >> 36)
    departure = (second & 0xF_FFFF_FFFF) << 24 | third & 0xFF_FFFF
  }

  /// The 48 bits of eight characters: each step joins neighbours, so that every delivery costs
  /// three of these instead of twenty turns of a loop.
  @inline(__always)
  private static func value(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    var bits = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    bits = (bits &- UInt64(zero) &* 0x0101_0101_0101_0101) & 0x3F3F_3F3F_3F3F_3F3F
    bits = bits >> 2 & 0x0FC0_0FC0_0FC0_0FC0 | bits & 0x003F_003F_003F_003F
    bits = bits >> 4 & 0x00FF_F000_00FF_F000 | bits & 0x0000_0FFF_0000_0FFF
    return bits >> 8 & 0x0000_FFFF_FF00_0000 | bits & 0x0000_0000_00FF_FFFF
  }

  /// Writes the stamp over the beginning of a message.
  func write(to destination: UnsafeMutableRawPointer) {
    var place = Self.byteCount
    let parts = [
      (departure, Self.departureLength), (UInt64(number), Self.numberLength),
      (UInt64(publisher), Self.publisherLength),
    ]
    for (value, length) in parts {
      for digit in 0..<length {
        place -= 1
        let bits = UInt8(truncatingIfNeeded: value >> UInt64(6 * digit)) & 63
        destination.storeBytes(of: Self.zero + bits, toByteOffset: place, as: UInt8.self)
      }
    }
    destination.storeBytes(of: Self.mark, as: UInt8.self)
  }
}
