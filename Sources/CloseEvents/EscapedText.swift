// Text that somebody else chose, made fit for a record: capped, and escaped so that nobody can
// forge a line, move a terminal's cursor or turn the reading direction. What goes out is valid
// UTF-8 without one control character, and the escapes are unambiguous because a backslash is
// escaped too.

/// The one way by which text gets into a record.
package enum EscapedText {
  /// What is kept of a close reason: all that fits into a Close frame (RFC 6455 §5.5).
  package static let reasonByteCount = 123
  /// What is kept of any other text of a peer.
  package static let maximumByteCount = 256
  /// What is kept of a message of the daemon's own.
  package static let messageByteCount = 4096

  /// A text as records show it, capped and escaped.
  package static func of(_ text: String, limit: Int = maximumByteCount) -> String {
    var bytes: [UInt8] = []
    append(text, to: &bytes, limit: limit)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends `text`, of which at most `limit` bytes are kept before escaping.
  package static func append(
    _ text: String, to output: inout [UInt8], limit: Int = maximumByteCount, asWord: Bool = false
  ) {
    var text = text
    text.withUTF8 { append($0, to: &output, limit: limit, asWord: asWord) }
  }

  /// Appends bytes that ought to be UTF-8; those that are not become `\xNN`.
  ///
  /// A text that is cut ends with `…`, which counts towards the limit; the cut never splits a
  /// character's encoding. `asWord` escapes spaces as well, so that a text in the midst of a line
  /// cannot pass for several of its words.
  package static func append(
    _ input: UnsafeBufferPointer<UInt8>, to output: inout [UInt8], limit: Int, asWord: Bool = false
  ) {
    let isCut = input.count > limit
    let end = isCut ? boundary(in: input, atMost: limit - ellipsis.utf8.count) : input.count
    var index = 0
    while index < end {
      // Nearly all text is plain: it goes over in whole runs.
      let start = index
      while index < end && isPlain(input[index], asWord: asWord) { index += 1 }
      output.append(contentsOf: UnsafeBufferPointer(rebasing: input[start..<index]))
      if index == end { break }
      let byte = input[index]
      switch byte {
      case UInt8(ascii: "\\"):
        output.append(contentsOf: "\\\\".utf8)
        index += 1
      case ..<0x80: appendHexadecimal(byte, to: &output, &index)
      default:
        guard let (scalar, length) = decode(input, at: index, end: end) else {
          appendHexadecimal(byte, to: &output, &index)
          continue
        }
        if mustEscape(scalar) {
          output.append(contentsOf: "\\u{\(String(scalar, radix: 16))}".utf8)
        } else {
          for offset in index..<index + length { output.append(input[offset]) }
        }
        index += length
      }
    }
    if isCut { output.append(contentsOf: ellipsis.utf8) }
  }

  /// Whether a text within the limit comes out as it is, for certain; most do.
  package static func isPlain(_ input: UnsafeBufferPointer<UInt8>, asWord: Bool = false) -> Bool {
    input.allSatisfy { isPlain($0, asWord: asWord) }
  }

  private static let ellipsis = "…"

  private static func isPlain(_ byte: UInt8, asWord: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: " "): !asWord
    case UInt8(ascii: "\\"): false
    case 0x21..<0x7F: true
    default: false
    }
  }

  private static func appendHexadecimal(
    _ byte: UInt8, to output: inout [UInt8], _ index: inout Int
  ) {
    output.append(contentsOf: byte < 0x10 ? "\\x0".utf8 : "\\x".utf8)
    output.append(contentsOf: String(byte, radix: 16).utf8)
    index += 1
  }

  /// The last place at or before `limit` where a character begins.
  private static func boundary(in input: UnsafeBufferPointer<UInt8>, atMost limit: Int) -> Int {
    // An encoding has at most three continuation bytes; more of them are no character anyway.
    for candidate in stride(from: limit, through: max(limit - 3, 0), by: -1)
    where input[candidate] & 0xC0 != 0x80 { return candidate }
    return limit
  }

  /// The scalar encoded at `index` and its length in bytes; nil for what is not UTF-8 (RFC 3629).
  private static func decode(
    _ input: UnsafeBufferPointer<UInt8>, at index: Int, end: Int
  ) -> (scalar: UInt32, length: Int)? {
    let lead = input[index]
    let (length, smallest): (Int, UInt32) =
      switch lead {
      case 0xC2...0xDF: (2, 0x80)
      case 0xE0...0xEF: (3, 0x800)
      case 0xF0...0xF4: (4, 0x1_0000)
      default: (0, 0)
      }
    guard length > 0, index + length <= end else { return nil }
    var scalar = UInt32(lead) & (0x7F >> UInt32(length))
    for offset in index + 1..<index + length {
      guard input[offset] & 0xC0 == 0x80 else { return nil }
      scalar = scalar << 6 | UInt32(input[offset] & 0x3F)
    }
    guard scalar >= smallest, Unicode.Scalar(scalar) != nil else { return nil }
    return (scalar, length)
  }

  /// Whether a scalar above ASCII would act on the reader's screen instead of showing on it.
  private static func mustEscape(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x80...0x9F: true  // C1 controls; U+009B begins an escape sequence
    case 0x2028, 0x2029: true  // line and paragraph separator
    case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true  // direction
    // Unseen (Unicode's Default_Ignorable_Code_Point): two texts that look alike would differ.
    case 0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B...0x180F, 0x200B...0x200D,
      0x2060...0x206F, 0x3164, 0xFE00...0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0...0xFFF8,
      0x1BCA0...0x1BCA3, 0x1D173...0x1D17A, 0xE0000...0xE0FFF:
      true
    case 0xFFF9...0xFFFB: true  // annotations
    // Noncharacters, which systemd takes for no UTF-8: journalctl would show a blob.
    case 0xFDD0...0xFDEF: true
    default: scalar & 0xFFFE == 0xFFFE
    }
  }
}
