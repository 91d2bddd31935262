// The closing handshake as one endpoint sees it: which Close frames are lawful, what is read after
// them, and what the connection remembers.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §5.5.1: Close frames")
struct ConnectionCloseFrameTests {
  @Test func withoutPayload() {
    ConnectionVector.deafAfter("empty", [.text("a"), .close()], [.text("a"), .emptyClose]).check()
  }

  @Test(arguments: [0, 3, 0xFF] as [UInt8])
  func payloadOfOneByte(byte: UInt8) {
    ConnectionVector.deafAfter("one byte", [.close([byte])], [.violation(.closePayloadOfOneByte)])
      .check()
  }

  @Test(
    arguments: [
      1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3003,
      3008, 3999, 4000, 4001, 4999,
    ] as [UInt16])
  func lawfulCodes(code: UInt16) {
    ConnectionVector.deafAfter(
      "lawful", [.close(code, "reason"), .close(code)], [.close(code, "reason")]
    ).check()
  }

  @Test(
    arguments: [
      0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 5001, 0x8000, .max,
    ] as [UInt16])
  func unlawfulCodes(code: UInt16) {
    ConnectionVector.deafAfter(
      "unlawful", [.ping([1]), .close(code, "x")],
      [.ping([1]), .violation(.illegalCloseCode(code))]
    ).check()
  }

  @Test(arguments: ["", "a", "é", "😀", String(repeating: "x", count: 123)])
  func reasons(reason: String) {
    ConnectionVector.deafAfter("reason", [.close(1000, reason)], [.close(1000, reason)]).check()
  }

  @Test func reasonOf124Bytes() {
    let reason = String(repeating: "x", count: 124)
    ConnectionVector.deafAfter(
      "reason", [.close(1000, reason)], [.violation(.controlFrameTooLong(.close))]
    ).check()
  }

  @Test(
    arguments: [[0x80], [0xC3], [0x61, 0xFF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]]
      as [[UInt8]])
  func reasonsThatAreNoText(reason: [UInt8]) {
    ConnectionVector.deafAfter(
      "reason", [.close([3, 232] + reason)], [.violation(.invalidUTF8InCloseReason)]
    ).check()
  }

  /// A reason begins and ends with the frame: an open message has no part in it.
  @Test func reasonInsideAnOpenText() {
    ConnectionVector.deafAfter(
      "inside", [.text([0xC3]).notFinal, .close([3, 232, 0xA9])],
      [.violation(.invalidUTF8InCloseReason)]
    ).check()
  }
}

@Suite("RFC 6455 §7.1: after Close")
struct ConnectionAfterCloseTests {
  /// Well-formed or not, nothing after the peer's Close is looked at (RFC 6455 §1.4).
  @Test(
    arguments: [
      TestFrame.text("a"), .text([0xFF]), .ping(), .continuation([]), .close(1002),
      .close([1]), TestFrame(opcode: 0xF), .text("a").notFinal,
      .binary([]).with { $0.declaredByteCount = .max },
    ])
  func nothingIsReadAfterThePeersClose(late: TestFrame) {
    ConnectionVector("late", [.close(1000), late, late], [.close(1000)]).check()
  }

  @Test(arguments: [0, 1, 125, 126, 65_536])
  func dataIsSkippedAfterOurs(count: Int) {
    ConnectionVector.skipsAfter("skipped", [.binary(pattern(count))], []) {
      $0.isAfterOurClose = true
      $0.maximumMessageByteCount = 10
    }.check()
  }

  /// What data means is nobody's concern any more: neither text nor the order of fragments.
  @Test(
    arguments: [
      [.text([0xFF])], [.continuation([1])], [.text("a").notFinal, .text("b")],
      [.text([0xC3]).notFinal, .continuation([])], [.binary([]), .text("")],
      TestFrame.fragments(opcode: 0x1, [[], [], []]),
    ])
  func meaninglessDataIsSkippedAfterOurs(frames: [TestFrame]) {
    ConnectionVector.skipsAfter("skipped", frames, []) { $0.isAfterOurClose = true }.check()
  }

  @Test func controlFramesAreFoundAfterOurs() {
    ConnectionVector.skipsAfter(
      "found", [.ping([1]), .text("a").notFinal, .pong([2]), .continuation([])],
      [.ping([1]), .pong([2])]
    ) { $0.isAfterOurClose = true }.check()
  }

  /// Bytes that are no frames hold no Close either.
  @Test(
    arguments: [
      (TestFrame(opcode: 0x3), .reservedOpcode(3)),
      (.text("a").with { $0.reservedBits = 1 }, .reservedBits(1)),
      (.ping().notFinal, .fragmentedControlFrame(.ping)),
      (.pong(pattern(126)), .controlFrameTooLong(.pong)),
      (.binary([]).with { $0.declaredByteCount = .max }, .lengthAbove63Bits),
      (.binary([]).with { $0.lengthForm = .sixteenBits }, .lengthNotMinimal(0)),
      (.close([3]), .closePayloadOfOneByte), (.close(1006), .illegalCloseCode(1006)),
      (.close([3, 232, 0xFF]), .invalidUTF8InCloseReason),
    ] as [(TestFrame, ProtocolViolation)])
  func violationsAfterOurs(frame: TestFrame, violation: ProtocolViolation) {
    ConnectionVector.deafAfter("after", [.text("a"), frame], [.violation(violation)]) {
      $0.isAfterOurClose = true
    }.check()
  }

  /// We send Close after any number of bytes: what was whole before is handed out, data after it is
  /// not, control frames and the peer's Close are.
  @Test func ourCloseAtAnyByte() {
    let first: [TestFrame] = [.text("whole"), .binary(pattern(130)).notFinal, .ping([1])]
    let second: [TestFrame] = [.continuation(pattern(150)), .text("é"), .ping([2]), .close(1001)]
    let bytes = (first + second).bytes(to: ServerRole.self)
    for position in 0...bytes.count {
      var before = ConnectionDialogue<ServerRole>()
      before.receive(Array(bytes[..<position]))
      let count = before.events.count
      before.releaseAll()
      var whole = ConnectionDialogue<ServerRole>()
      whole.receive(bytes)
      let expected = whole.events.enumerated().filter { index, event in
        if case .message = event { return index < count }
        return true
      }.map(\.element)

      var dialogue = ConnectionDialogue<ServerRole>()
      dialogue.receive(Array(bytes[..<position]))
      dialogue.sendClose(CloseFrame(code: .goingAway))
      dialogue.receive(Array(bytes[position...]), .chunks(of: 7))
      let events = dialogue.events
      dialogue.releaseAll()
      let lostBlockCount = dialogue.lentCount
      #expect(events == expected, "our Close after \(position) bytes")
      #expect(lostBlockCount == 0, "our Close after \(position) bytes")
    }
  }

  /// Reading may stop at any byte, and stays stopped.
  @Test func stopReadingAtAnyByte() {
    let frames: [TestFrame] = [
      .text("a"), .binary(pattern(130)).notFinal, .ping([1]), .continuation([2]), .close(1000),
    ]
    let bytes = frames.bytes(to: ServerRole.self)
    for position in 0...bytes.count {
      var dialogue = ConnectionDialogue<ServerRole>()
      dialogue.receive(Array(bytes[..<position]))
      let before = dialogue.events
      dialogue.connection.stopReading()
      dialogue.receive(Array(bytes[position...]) + bytes)
      let after = dialogue.events
      dialogue.releaseAll()
      let lostBlockCount = dialogue.lentCount
      #expect(after == before, "stopped after \(position) bytes")
      #expect(lostBlockCount == 0)
    }
  }
}

@Suite("RFC 6455 §7.1.5: what is remembered of closing")
struct ConnectionCloseMemoryTests {
  @Test func beforeAnyClose() {
    let connection = ServerConnection()
    #expect(connection.codeSent == nil)
    #expect(connection.codeReceived == nil)
    #expect(!connection.sentCloseFirst)
    #expect(connection.reading == .messages)
    #expect(connection.isBetweenMessages)
  }

  @Test func closeIsSentOnce() {
    var connection = ServerConnection()
    let isSent = connection.sendClose(CloseFrame(code: .goingAway, reason: "x"))
    let isSentAgain = connection.sendClose(CloseFrame(code: .normalClosure))
    #expect(isSent && !isSentAgain)
    #expect(connection.codeSent == .goingAway)
    #expect(connection.sentCloseFirst)
    #expect(connection.reading == .closeOnly)
    #expect(!connection.isBetweenMessages)
  }

  @Test func anEmptyCloseIsRememberedAs1005() {
    var connection = ServerConnection()
    let isSent = connection.sendClose(CloseFrame(code: nil))
    #expect(isSent)
    #expect(connection.codeSent == .noStatusReceived)
    let isSentAgain = connection.sendClose(CloseFrame(code: nil))
    #expect(!isSentAgain)
  }

  @Test(arguments: [TestFrame.close(), .close(4000, "why")])
  func thePeersCloseIsFirst(frame: TestFrame) {
    var dialogue = ConnectionDialogue<ServerRole>()
    dialogue.receive(frame.bytes(to: ServerRole.self))
    let code = frame.payload.isEmpty ? CloseCode.noStatusReceived : CloseCode(rawValue: 4000)
    let received = dialogue.connection.codeReceived
    let sentFirst = dialogue.connection.sentCloseFirst
    let reading = dialogue.connection.reading
    #expect(received == code)
    #expect(!sentFirst)
    #expect(reading == .nothing)
  }

  @Test func ourCloseIsFirstAndThePeerAnswers() {
    var dialogue = ConnectionDialogue<ClientRole>()
    dialogue.sendClose(CloseFrame(code: .normalClosure))
    dialogue.receive(TestFrame.close(1000).bytes(to: ClientRole.self))
    let received = dialogue.connection.codeReceived
    let sentFirst = dialogue.connection.sentCloseFirst
    let reading = dialogue.connection.reading
    #expect(received == .normalClosure)
    #expect(sentFirst)
    #expect(reading == .nothing)
  }

  /// A Close that breaks the rules says nothing that counts.
  @Test func aWrongCloseIsNotReceived() {
    var dialogue = ConnectionDialogue<ServerRole>()
    dialogue.receive(TestFrame.close(1006).bytes(to: ServerRole.self))
    let received = dialogue.connection.codeReceived
    let sent = dialogue.connection.codeSent
    #expect(received == nil)
    #expect(sent == .protocolError)
  }
}
