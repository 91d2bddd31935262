// Control frames: their size, that they come whole, and what they carry.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

/// Close, Ping and Pong.
private let controlOpcodes: [Opcode] = [.close, .ping, .pong]

@Suite("RFC 6455 §5.5: control frames")
struct ConnectionControlFrameTests {
  @Test(arguments: controlOpcodes, [0, 2, 125])
  func fragmented(opcode: Opcode, count: Int) {
    let frame = TestFrame(opcode: opcode.rawValue, pattern(count)).notFinal
    ConnectionVector.deafAfter(
      "fragmented", [.text("a"), frame], [.text("a"), .violation(.fragmentedControlFrame(opcode))]
    ).check()
  }

  @Test(arguments: controlOpcodes, [126, 127, 65_535, 65_536])
  func tooLong(opcode: Opcode, count: Int) {
    let frame = TestFrame(opcode: opcode.rawValue, []).with {
      $0.declaredByteCount = UInt64(count)
    }
    ConnectionVector.deafAfter("too long", [frame], [.violation(.controlFrameTooLong(opcode))])
      .check()
  }

  /// 125 bytes and fewer do not make an extended length right.
  @Test(arguments: controlOpcodes, [TestFrame.LengthForm.sixteenBits, .sixtyFourBits])
  func longLengthOfFewBytes(opcode: Opcode, form: TestFrame.LengthForm) {
    let frame = TestFrame(opcode: opcode.rawValue, [3, 232]).with { $0.lengthForm = form }
    ConnectionVector.deafAfter("long form", [frame], [.violation(.controlFrameTooLong(opcode))])
      .check()
  }

  @Test(arguments: controlOpcodes)
  func verdictFallsWithTheFirstByteThatShowsIt(opcode: Opcode) {
    let fragmented = TestFrame(opcode: opcode.rawValue, [3, 232]).notFinal
    let long = TestFrame(opcode: opcode.rawValue, pattern(126))
    let marked = TestFrame(opcode: opcode.rawValue, []).with { $0.reservedBits = 0x4 }
    for (frame, byteCount) in [(fragmented, 1), (long, 2), (marked, 1)] {
      #expect(
        byteCountUntilViolation(
          frame.bytes(to: ServerRole.self), as: ServerRole.self, allowedReservedBits: 0x40)
          == byteCount)
    }
  }

  @Test(arguments: [0, 1, 2, 63, 64, 124, 125])
  func pingAndPongCarryTheirPayload(count: Int) {
    let payload = pattern(count)
    ConnectionVector(
      "payload", [.ping(payload), .pong(payload), .text("x"), .ping(payload)],
      [.ping(payload), .pong(payload), .text("x"), .ping(payload)]
    ).check()
  }

  /// Their payload is no text (RFC 6455 §5.5.2).
  @Test(arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0]] as [[UInt8]])
  func payloadNeedNotBeText(payload: [UInt8]) {
    let frames: [TestFrame] = [
      .text("é").notFinal, .ping(payload), .pong(payload), .continuation([]),
    ]
    ConnectionVector("bytes", frames, [.ping(payload), .pong(payload), .text("é")]).check()
  }

  /// A character may be cut by a fragment's end with a control frame in between.
  @Test func controlFrameInsideACharacter() {
    let frames: [TestFrame] = [
      .text([0xF0, 0x9F]).notFinal, .ping([0x98]), .continuation([0x98]).notFinal, .pong(),
      .continuation([0x80]),
    ]
    ConnectionVector("inside", frames, [.ping([0x98]), .pong([]), .text("😀")]).check()
  }

  @Test(arguments: [1, 2, 3, 10, 130])
  func unfinishedControlFrames(missingByteCount: Int) {
    let frames: [TestFrame] = [.ping([1]), .ping(pattern(125))]
    let missing = min(missingByteCount, 126)
    ConnectionVector("unfinished", frames, [.ping([1])]) { $0.missingByteCount = missing }.check()
  }

  @Test func aHundredPings() {
    let payloads = (0..<100).map { pattern($0) }
    ConnectionVector(
      "flood", payloads.map { .ping(Array($0.prefix(4))) },
      payloads.map { .ping(Array($0.prefix(4))) }
    ).check()
  }
}
