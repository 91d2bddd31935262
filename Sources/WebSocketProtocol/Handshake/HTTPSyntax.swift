// The bytes of HTTP/1.1 messages (RFC 9110 §5.6, RFC 9112): classes of bytes, lists, comparisons.
// Everything works on slices of the caller's buffer and reads each byte at most once or twice.

import CBytes

/// A part of a request or response head, borrowed from the receive buffer for one call.
typealias HeadSlice = UnsafeRawBufferPointer

/// What is wrong with a head, before it is known who asks: a server refuses, a client fails.
struct HTTPFault: Error, Equatable {
  /// The HTTP status a server answers with.
  var status: Int
  /// The rule that was broken, in an operator's words; contains nothing the peer sent but tokens.
  var rule: String

  init(_ status: Int, _ rule: String) {
    self.status = status
    self.rule = rule
  }
}

/// Classes of bytes in a head.
enum HTTPSyntax {
  static let carriageReturn = UInt8(ascii: "\r")
  static let lineFeed = UInt8(ascii: "\n")
  static let space = UInt8(ascii: " ")
  static let tab = UInt8(ascii: "\t")

  /// RFC 9110 §5.6.2: a character of a token.
  @inline(__always)
  static func isTokenByte(_ byte: UInt8) -> Bool {
    let folded = byte | 0x20
    if folded >= UInt8(ascii: "a") && folded <= UInt8(ascii: "z") { return true }
    return switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
      UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
      UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
      true
    default: false
    }
  }

  /// RFC 9110 §5.6.2: one or more token characters.
  static func isToken(_ slice: HeadSlice) -> Bool {
    // Nearly all tokens are words: only from the first other byte on, each is looked at.
    let start = cbytes_find_no_word(slice.baseAddress, slice.count)
    return !slice.isEmpty && slice.slice(start..<slice.count).allSatisfy(isTokenByte)
  }

  /// RFC 9110 §5.5: a visible character, obs-text, space or tab; no NUL, CR, LF or other control.
  static func isFieldValueByte(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7F || byte == tab
  }

  static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  static func isHexDigit(_ byte: UInt8) -> Bool {
    let folded = byte | 0x20
    return isDigit(byte) || folded >= UInt8(ascii: "a") && folded <= UInt8(ascii: "f")
  }
}

extension UnsafeRawBufferPointer {
  /// The bytes of a range that lies within this slice, as a slice that counts from 0.
  func slice(_ range: Range<Int>) -> HeadSlice { HeadSlice(rebasing: self[range]) }

  /// The first bytes, at most `byteCount`.
  func head(_ byteCount: Int) -> HeadSlice { slice(0..<Swift.max(0, Swift.min(byteCount, count))) }

  /// Whether the bytes are the same as others.
  func isSame(as other: UnsafeRawBufferPointer) -> Bool {
    count == other.count && cbytes_is_same(baseAddress, other.baseAddress, count)
  }

  /// Whether the bytes are this ASCII text.
  func isText(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { isSame(as: UnsafeRawBufferPointer($0)) }
  }

  /// Whether the bytes begin with this ASCII text.
  func hasPrefix(_ text: StaticString) -> Bool { head(text.utf8CodeUnitCount).isText(text) }

  /// Whether the bytes are this text, given in lower case, in whatever case they came.
  ///
  /// The text consists of letters, digits and other characters below `@`.
  func isTextIgnoringCase(_ lowercase: StaticString) -> Bool {
    count == lowercase.utf8CodeUnitCount
      && cbytes_is_same_ignoring_case(baseAddress, lowercase.utf8Start, count)
  }

  /// The first place of a byte.
  func firstIndex(of byte: UInt8) -> Int? { firstIndex(of: byte, or: byte) }

  /// The first place of one of two bytes.
  func firstIndex(of byte: UInt8, or other: UInt8) -> Int? {
    let index = cbytes_find_either(baseAddress, count, byte, other)
    return index < count ? index : nil
  }

  /// Whether the bytes may be those of a field's value (RFC 9110 §5.5).
  var isFieldValue: Bool {
    // Tabs are rare: only from the first one on, or from worse, each byte is looked at.
    let start = cbytes_find_control(baseAddress, count)
    return slice(start..<count).allSatisfy(HTTPSyntax.isFieldValueByte)
  }

  /// Without spaces and tabs at either end (RFC 9110 §5.6.3: OWS).
  var trimmed: HeadSlice {
    guard let first = firstIndex(where: { !Self.isBlank($0) }),
      let last = lastIndex(where: { !Self.isBlank($0) })
    else { return head(0) }
    return slice(first..<last + 1)
  }

  /// The elements of a comma-separated list without the empty ones (RFC 9110 §5.6.1.2); quoted
  /// strings are not known here.
  var listElements: ListElements { ListElements(rest: self) }

  /// The bytes as text of at most so many bytes, with replacement characters for what is not UTF-8.
  func text(maximumByteCount: Int = .max) -> String {
    if isEmpty { return "" }
    var end = Swift.min(count, maximumByteCount)
    // A sequence that the cap would cut in two is left out.
    var backed = 0
    while end < count, end > 0, backed < 3, self[end] & 0xC0 == 0x80 {
      end -= 1
      backed += 1
    }
    var text = String(decoding: head(end), as: UTF8.self)
    // One bad byte becomes a replacement character of three.
    while text.utf8.count > maximumByteCount { text.unicodeScalars.removeLast() }
    return text
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == HTTPSyntax.space || byte == HTTPSyntax.tab
  }
}

/// The elements of a comma-separated list, without the blanks around them.
struct ListElements: Sequence, IteratorProtocol {
  fileprivate(set) var rest: HeadSlice

  mutating func next() -> HeadSlice? {
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.count
      let element = rest.head(end).trimmed
      rest = rest.slice(Swift.min(end + 1, rest.count)..<rest.count)
      if !element.isEmpty { return element }
    }
    return nil
  }
}
