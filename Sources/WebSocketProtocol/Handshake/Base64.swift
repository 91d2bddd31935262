// Base64 (RFC 4648 §4), as far as the opening handshake needs it: write a digest or a key, and tell
// whether a key is one.

import CBytes

/// The base64 alphabet, both ways.
enum Base64 {
  /// Writes bytes with padding; the result has four characters for every three bytes begun.
  static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { text, count in
      var group: UInt32 = 0
      var taken = 0
      for byte in bytes {
        group = group << 8 | UInt32(byte)
        taken += 1
        guard taken == 3 else { continue }
        for index in 0..<4 { text[count + index] = character(group >> UInt32(18 - 6 * index)) }
        count += 4
        (group, taken) = (0, 0)
      }
      if taken == 0 { return }
      // One byte is two characters, two are three.
      group <<= UInt32(8 * (3 - taken))
      for index in 0..<4 {
        text[count + index] =
          index <= taken ? character(group >> UInt32(18 - 6 * index)) : pad
      }
      count += 4
    }
  }

  /// Whether the text is the one canonical way to write exactly 16 bytes.
  static func isSixteenBytes(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count == 24, text[22] == pad, text[23] == pad else { return false }
    guard cbytes_find_no_base64(text.baseAddress, 22) == 22 else { return false }
    // RFC 4648 §3.5: 22 characters carry 132 bits; the four that are left over must be zero.
    return switch text[21] {
    case UInt8(ascii: "A"), UInt8(ascii: "Q"), UInt8(ascii: "g"), UInt8(ascii: "w"): true
    default: false
    }
  }

  private static let pad = UInt8(ascii: "=")

  private static let alphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  /// The character of the lowest six bits.
  @inline(__always)
  private static func character(_ bits: UInt32) -> UInt8 {
    alphabet.utf8Start[Int(bits & 0x3F)]
  }
}
