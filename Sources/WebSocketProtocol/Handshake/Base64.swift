// Base64 (RFC 4648 §4), as far as the opening handshake needs it: write a digest or a key, and tell
// whether a key is one.

import CBytes

/// The base64 alphabet, both ways.
enum Base64 {
  /// How many characters that many bytes make: four for every three bytes begun.
  static func characterCount(ofByteCount byteCount: Int) -> Int { (byteCount + 2) / 3 * 4 }

  /// Writes bytes with padding to `text`, which has exactly the room for it.
  static func encode(_ bytes: UnsafeRawBufferPointer, to text: UnsafeMutableRawBufferPointer) {
    precondition(
      text.count == characterCount(ofByteCount: bytes.count), "no room for these bytes in base64")
    var place = 0
    var start = 0
    while start < bytes.count {
      // Of the last group one byte is two characters, and two are three.
      let byteCount = min(3, bytes.count - start)
      var group: UInt32 = 0
      for index in 0..<3 {
        group = group << 8 | (index < byteCount ? UInt32(bytes[start + index]) : 0)
      }
      for index in 0..<4 {
        text[place + index] =
          index <= byteCount ? character(group >> UInt32(18 - 6 * index)) : pad
      }
      start += 3
      place += 4
    }
  }

  /// The same as an array.
  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    let count = characterCount(ofByteCount: bytes.count)
    return [UInt8](unsafeUninitializedCapacity: count) { text, initializedCount in
      bytes.withUnsafeBytes { encode($0, to: UnsafeMutableRawBufferPointer(text)) }
      initializedCount = count
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
