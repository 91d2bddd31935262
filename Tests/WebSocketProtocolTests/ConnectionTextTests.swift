// Text is UTF-8: in one frame or many, in one receive call or many; and what is not is refused with
// the very byte that shows it.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

/// Bytes whose last one shows that they are no UTF-8.
private let malformed: [[UInt8]] = [
  [0x80], [0xBF], [0xC0], [0xC1], [0xC3, 0x28], [0xE0, 0x80], [0xE2, 0x28], [0xE2, 0x82, 0x28],
  [0xED, 0xA0], [0xED, 0xBF], [0xF0, 0x80], [0xF0, 0x9F, 0x28], [0xF0, 0x9F, 0x98, 0xC0],
  [0xF4, 0x90], [0xF5], [0xF8], [0xFE], [0xFF],
]

/// Beginnings of characters, which only the end of the message makes wrong.
private let cutOff: [[UInt8]] = [
  [0xC3], [0xE2], [0xE2, 0x82], [0xF0], [0xF0, 0x9F], [0xF0, 0x9F, 0x98], [0xF4, 0x8F, 0xBF],
]

@Suite("RFC 6455 §8.1: text is UTF-8")
struct ConnectionTextTests {
  private static let wellFormed = [
    "", "a", "é", "κόσμε", "€uro", "😀", "a😀é€", "\u{0}", "\u{7F}\u{80}", "\u{7FF}\u{800}",
    "\u{D7FF}\u{E000}", "\u{FEFF}bom", "\u{FFFD}", "\u{FFFF}\u{10000}", "\u{10FFFF}",
    String(repeating: "ä", count: 70), String(repeating: "漢字", count: 30),
  ]

  @Test(arguments: wellFormed)
  func wellFormedInOneFrame(text: String) {
    ConnectionVector("whole", [.text(text), .text(text)], [.text(text), .text(text)]).check()
  }

  @Test(arguments: wellFormed)
  func wellFormedInTwoFragments(text: String) {
    let bytes = Array(text.utf8)
    for position in 0...min(bytes.count, 20) {
      let halves = [Array(bytes[..<position]), Array(bytes[position...])]
      ConnectionVector("cut", TestFrame.fragments(opcode: 0x1, halves), [.text(text)]).check()
    }
  }

  @Test(arguments: wellFormed)
  func wellFormedInFragmentsOfOneByte(text: String) {
    let pieces = text.utf8.map { [$0] } + [[]]
    ConnectionVector("bytes", TestFrame.fragments(opcode: 0x1, pieces), [.text(text)]).check()
  }

  @Test(arguments: malformed)
  func malformedInOneFrame(bytes: [UInt8]) {
    for before in ["", "é", String(repeating: "x", count: 64)] {
      ConnectionVector.skipsAfter(
        "whole", [.text(Array(before.utf8) + bytes + [0x61])], [.violation(.invalidUTF8InText)]
      ).check()
    }
  }

  /// In the first, the middle and the last of three fragments.
  @Test(arguments: malformed, 0..<3)
  func malformedInAFragment(bytes: [UInt8], index: Int) {
    var pieces: [[UInt8]] = [[0x61], Array("é".utf8), Array("z".utf8)]
    pieces[index] += bytes
    ConnectionVector.skipsAfter(
      "fragment", TestFrame.fragments(opcode: 0x1, pieces), [.violation(.invalidUTF8InText)]
    ).check()
  }

  @Test(arguments: malformed.filter { $0.count > 1 })
  func malformedAcrossFragments(bytes: [UInt8]) {
    ConnectionVector.skipsAfter(
      "across", TestFrame.fragments(opcode: 0x1, bytes.map { [$0] } + [[0x61]]),
      [.violation(.invalidUTF8InText)]
    ).check()
  }

  /// The verdict neither waits for the frame's end nor comes before the byte that shows it.
  @Test(arguments: malformed)
  func verdictFallsWithTheBadByte(bytes: [UInt8]) {
    let first = TestFrame.text("äbc").notFinal
    let second = TestFrame.continuation(Array("ok".utf8) + bytes + pattern(100))
    for frames in [[second.with { $0.opcode = 0x1 }], [first, second]] {
      let server = frames.bytes(to: ServerRole.self)
      #expect(byteCountUntilViolation(server, as: ServerRole.self) == server.count - 100)
      let client = frames.bytes(to: ClientRole.self)
      #expect(byteCountUntilViolation(client, as: ClientRole.self) == client.count - 100)
    }
  }

  /// The frame never becomes whole, and however it comes the verdict is there.
  @Test(arguments: malformed)
  func malformedInAnUnfinishedFrame(bytes: [UInt8]) {
    ConnectionVector(
      "unfinished", [.text(Array("so far ".utf8) + bytes + pattern(3))],
      [.violation(.invalidUTF8InText)]
    ) { $0.missingByteCount = 3 }.check()
  }

  @Test(arguments: cutOff)
  func cutOffAtTheEnd(bytes: [UInt8]) {
    let violation = [DialogueEvent.violation(.invalidUTF8InText)]
    ConnectionVector.skipsAfter("whole", [.text([0x61] + bytes)], violation).check()
    let fragments: [[[UInt8]]] = [[[0x61], bytes], [bytes, []], bytes.map { [$0] } + [[]]]
    for pieces in fragments {
      ConnectionVector.skipsAfter("cut off", TestFrame.fragments(opcode: 0x1, pieces), violation)
        .check()
    }
  }

  @Test(arguments: cutOff)
  func cutOffSoFar(bytes: [UInt8]) {
    ConnectionVector("begun", [.text([0x61]).notFinal, .continuation(bytes).notFinal], []).check()
  }

  @Test(arguments: malformed)
  func binaryIsAnything(bytes: [UInt8]) {
    ConnectionVector(
      "binary", [.binary(bytes)] + TestFrame.fragments(opcode: 0x2, [bytes, bytes]),
      [.binary(bytes), .binary(bytes + bytes)]
    ).check()
  }

  /// What one message left open does not belong to the next.
  @Test func eachMessageStartsAnew() {
    ConnectionVector.skipsAfter(
      "anew", [.binary([0xC3]).notFinal, .continuation([0xC3]), .text([0xA9])],
      [.binary([0xC3, 0xC3]), .violation(.invalidUTF8InText)]
    ).check()
  }

  @Test(arguments: [0, 1, 2, 3])
  func emptyTextOnTheSlowPath(emptyFragmentCount: Int) {
    let pieces = [[UInt8]](repeating: [], count: emptyFragmentCount + 1)
    let frames = TestFrame.fragments(opcode: 0x1, pieces)
    ConnectionVector("empty", frames + [.text("")], [.text(""), .text("")]).check()
  }
}
