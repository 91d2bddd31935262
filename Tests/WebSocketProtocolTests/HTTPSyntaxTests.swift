// Looking at many bytes at once, against one at a time.

import Testing

@testable import WebSocketProtocol

@Suite("RFC 9110 §5.6: pieces of a head")
struct HTTPSyntaxTests {
  /// Neighbours of the byte that is looked for, and what carries and borrows between bytes act on.
  private static let others: [UInt8] = [0x00, 0x01, 0x0B, 0x0C, 0x7F, 0x80, 0x8A, 0xFF]

  @Test("A byte is found at its first place, wherever that is", arguments: 0..<40)
  func firstPlace(byteCount: Int) {
    for other in Self.others {
      for first in 0...byteCount {
        var bytes = [UInt8](repeating: other, count: byteCount)
        for index in first..<byteCount where (index - first) % 3 == 0 { bytes[index] = 0x0A }
        let found = bytes.withUnsafeBytes { $0.firstIndex(of: 0x0A) }
        #expect(found == (first < byteCount ? first : nil), "\(bytes)")
      }
    }
  }

  @Test("A byte behind one that differs by its lowest bit is not taken for it")
  func borrow() {
    for byte in UInt8.min...UInt8.max {
      let bytes = [byte ^ 1, byte, byte ^ 1, byte ^ 0x80, byte, 0, 0xFF, byte]
      #expect(bytes.withUnsafeBytes { $0.firstIndex(of: byte) } == bytes.firstIndex(of: byte))
    }
  }

  @Test("Of two bytes, the first place of either is found", arguments: 0..<40)
  func eitherOfTwo(byteCount: Int) {
    for first in 0..<byteCount {
      for second in 0..<byteCount where second != first {
        var bytes = [UInt8](repeating: 0x20, count: byteCount)
        bytes[first] = 0x0D
        bytes[second] = 0x0A
        let found = bytes.withUnsafeBytes { $0.firstIndex(of: 0x0D, or: 0x0A) }
        #expect(found == min(first, second), "\(bytes)")
      }
    }
    let none = [UInt8](repeating: 0x20, count: byteCount)
    #expect(none.withUnsafeBytes { $0.firstIndex(of: 0x0D, or: 0x0A) } == nil)
  }

  /// Every byte at every place of words that take each way through the search.
  private static func forEachByte(_ check: ([UInt8]) -> Void) {
    for byteCount in [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 40] {
      for place in 0..<byteCount {
        for byte in UInt8.min...UInt8.max {
          var bytes = Array("Sec-WebSocket-Key-13-AZaz-09-of-40-bytes".utf8.prefix(byteCount))
          bytes[place] = byte
          check(bytes)
        }
      }
    }
  }

  @Test("RFC 9110 §5.6.2: a token is made of token characters alone")
  func tokens() {
    let punctuation = Set("!#$%&'*+-.^_`|~".utf8)
    Self.forEachByte { bytes in
      let expected = bytes.allSatisfy {
        punctuation.contains($0) || Character(Unicode.Scalar($0)).isASCIILetterOrDigit
      }
      #expect(bytes.withUnsafeBytes { HTTPSyntax.isToken($0) } == expected, "\(bytes)")
    }
    #expect(!HTTPSyntax.isToken(HeadSlice(start: nil, count: 0)))
  }

  @Test("RFC 9110 §5.5: a field's value has no control characters but tabs")
  func fieldValues() {
    Self.forEachByte { bytes in
      let expected = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
      #expect(bytes.withUnsafeBytes { $0.isFieldValue } == expected, "\(bytes)")
    }
    #expect(HeadSlice(start: nil, count: 0).isFieldValue)
    #expect(!Array("a\tb\u{0}".utf8).withUnsafeBytes { $0.isFieldValue })
  }

  @Test(
    "A name is known in any case, and no other byte passes for one of it",
    arguments: [
      "ws", "http", "upgrade", "websocket", "sec-websocket-key", "sec-websocket-extensions",
    ] as [StaticString])
  func names(name: StaticString) {
    let letters = name.withUTF8Buffer { Array($0) }
    for place in letters.indices {
      for byte in UInt8.min...UInt8.max {
        var bytes = letters
        bytes[place] = byte
        let isOtherCase = Unicode.Scalar(byte).properties.lowercaseMapping.utf8.elementsEqual([
          letters[place]
        ])
        let expected = byte == letters[place] || byte < 0x80 && isOtherCase
        #expect(bytes.withUnsafeBytes { $0.isTextIgnoringCase(name) } == expected, "\(bytes)")
      }
    }
    #expect(!letters.dropLast().withUnsafeBytes { $0.isTextIgnoringCase(name) })
    #expect(!(letters + [0x61]).withUnsafeBytes { $0.isTextIgnoringCase(name) })
  }

  @Test(
    "A list has its elements without blanks, and no empty ones",
    arguments: [
      ("", []), (",", []), (" , ,\t", []), ("a", ["a"]), ("a,b", ["a", "b"]),
      (" a , b c\t,", ["a", "b c"]), (",,a,,b", ["a", "b"]),
    ] as [(String, [String])])
  func list(text: String, elements: [String]) {
    let found = Array(text.utf8).withUnsafeBytes { value in value.listElements.map { $0.text() } }
    #expect(found == elements)
  }
}

extension Character {
  fileprivate var isASCIILetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
