// Looking for a byte eight at a time, against one at a time.

import Testing

@testable import WebSocketProtocol

@Suite("RFC 9110 §5.6: pieces of a head")
struct HTTPSyntaxTests {
  /// Neighbours of the byte that is looked for, and what carries and borrows between bytes act on.
  private static let others: [UInt8] = [0x00, 0x01, 0x0B, 0x0C, 0x7F, 0x80, 0x8A, 0xFF]

  @Test("A byte is found at its first place, wherever that is", arguments: 0..<20)
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
