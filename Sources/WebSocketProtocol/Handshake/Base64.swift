// Base64 (RFC 4648 §4), as far as the opening handshake needs it: write a digest or a key, and tell
// whether a key is one.

/// The base64 alphabet, both ways.
enum Base64 {
  /// Writes bytes with padding; the result has four characters for every three bytes begun.
  static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    let capacity = (bytes.count + 2) / 3 * 4
    return [UInt8](unsafeUninitializedCapacity: capacity) { text, count in
      var pending: UInt32 = 0
      var pendingBitCount: UInt32 = 0
      for byte in bytes {
        pending = pending << 8 | UInt32(byte)
        pendingBitCount += 8
        while pendingBitCount >= 6 {
          pendingBitCount -= 6
          text[count] = character(pending >> pendingBitCount)
          count += 1
        }
      }
      if pendingBitCount > 0 {
        text[count] = character(pending << (6 - pendingBitCount))
        count += 1
      }
      while count < capacity {
        text[count] = pad
        count += 1
      }
    }
  }

  /// Whether the text is the one canonical way to write exactly 16 bytes.
  static func isSixteenBytes(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count == 24, text[22] == pad, text[23] == pad else { return false }
    var last: UInt8 = 0
    for byte in text.prefix(22) {
      guard let value = value(of: byte) else { return false }
      last = value
    }
    // RFC 4648 §3.5: 22 characters carry 132 bits; the four that are left over must be zero.
    return last & 0x0F == 0
  }

  private static let pad = UInt8(ascii: "=")

  private static func character(_ bits: UInt32) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: bits & 0x3F)
    return switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + (value - 26)
    case 52..<62: UInt8(ascii: "0") + (value - 52)
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
  }

  private static func value(of character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
