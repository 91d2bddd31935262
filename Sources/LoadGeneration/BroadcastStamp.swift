// What a broadcast message says of itself, in its first 21 bytes.

/// Publisher, number and departure of a message, in base 64 of a plain kind: six bits a character,
/// from "0" on, so that it is text.
struct BroadcastStamp: Equatable {
  let publisher: Int
  let number: Int
  /// In nanoseconds.
  let departure: UInt64

  static let byteCount = 21
  fileprivate static let mark = UInt8(ascii: "#")
  fileprivate static let zero = UInt8(ascii: "0")
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

/// Reads stamps. What left together has the same departure, which is then read once.
struct StampReader {
  /// The characters of the departure that was read last, the middle of them twice.
  private var head: UInt64 = 0
  private var tail: UInt64 = 0
  private var departure: UInt64 = 0

  /// The stamp of a message; nil: it has none.
  @inline(__always)
  mutating func read(_ payload: UnsafeRawBufferPointer) -> BroadcastStamp? {
    guard payload.count >= BroadcastStamp.byteCount, payload[0] == BroadcastStamp.mark else {
      return nil
    }
    // Publisher and the beginning of the number.
    let first = Self.eight(payload.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
    let end = Self.two(payload, at: 9)
    let head = payload.loadUnaligned(fromByteOffset: 11, as: UInt64.self)
    let tail = payload.loadUnaligned(fromByteOffset: 13, as: UInt64.self)
    if head != self.head || tail != self.tail {
      (self.head, self.tail) = (head, tail)
      departure = Self.eight(head) << 12 | Self.two(payload, at: 19)
    }
    return BroadcastStamp(
      publisher: Int(first >> 24), number: Int((first & 0xFF_FFFF) << 12 | end),
      departure: departure)
  }

  /// The 48 bits of eight characters: each step joins neighbours.
  @inline(__always)
  private static func eight(_ characters: UInt64) -> UInt64 {
    var bits = characters.bigEndian &- UInt64(BroadcastStamp.zero) &* 0x0101_0101_0101_0101
    bits &= 0x3F3F_3F3F_3F3F_3F3F
    bits = bits >> 2 & 0x0FC0_0FC0_0FC0_0FC0 | bits & 0x003F_003F_003F_003F
    bits = bits >> 4 & 0x00FF_F000_00FF_F000 | bits & 0x0000_0FFF_0000_0FFF
    return bits >> 8 & 0x0000_FFFF_FF00_0000 | bits & 0x0000_0000_00FF_FFFF
  }

  /// The 12 bits of two characters.
  @inline(__always)
  private static func two(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    let first = (bytes[offset] &- BroadcastStamp.zero) & 63
    let second = (bytes[offset &+ 1] &- BroadcastStamp.zero) & 63
    return UInt64(first) << 6 | UInt64(second)
  }
}
