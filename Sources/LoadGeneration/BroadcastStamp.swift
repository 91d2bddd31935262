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
    var place = 1
    publisher = Int(Self.read(payload, &place, Self.publisherLength))
    number = Int(Self.read(payload, &place, Self.numberLength))
    departure = Self.read(payload, &place, Self.departureLength)
  }

  @inline(__always)
  private static func read(
    _ bytes: UnsafeRawBufferPointer, _ place: inout Int, _ length: Int
  ) -> UInt64 {
    var value: UInt64 = 0
    for index in place..<place &+ length {
      value = value << 6 | UInt64((bytes[index] &- zero) & 63)
    }
    place &+= length
    return value
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
