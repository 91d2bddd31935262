// What one frame may look like: masking, reserved bits and opcodes, lengths; in both roles.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

/// The opcodes that RFC 6455 defines, by number.
private let definedOpcodes: [UInt8] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xA]

@Suite("RFC 6455 §5.1: who masks")
struct ConnectionMaskingRuleTests {
  @Test(arguments: definedOpcodes)
  func serverRefusesUnmasked(opcode: UInt8) {
    let frame = TestFrame(opcode: opcode, [3, 232]).with { $0.isMasked = false }
    ConnectionVector.deafAfter("unmasked", [frame], [.violation(.unmaskedFrame)])
      .check(as: ServerRole.self)
  }

  @Test(arguments: definedOpcodes)
  func clientRefusesMasked(opcode: UInt8) {
    let frame = TestFrame(opcode: opcode, [3, 232]).with { $0.isMasked = true }
    ConnectionVector.deafAfter("masked", [frame], [.violation(.maskedFrame)])
      .check(as: ClientRole.self)
  }

  @Test(arguments: definedOpcodes)
  func emptyFramesAreNoException(opcode: UInt8) {
    let unmasked = TestFrame(opcode: opcode).with { $0.isMasked = false }
    ConnectionVector("unmasked", [unmasked], [.violation(.unmaskedFrame)])
      .check(as: ServerRole.self)
    let masked = TestFrame(opcode: opcode).with { $0.isMasked = true }
    ConnectionVector("masked", [masked], [.violation(.maskedFrame)]).check(as: ClientRole.self)
  }

  @Test func serverChecksEachFragment() {
    let frames: [TestFrame] = [
      .text("one").notFinal, .continuation([0x32]).with { $0.isMasked = false },
    ]
    ConnectionVector.deafAfter("second fragment", frames, [.violation(.unmaskedFrame)])
      .check(as: ServerRole.self)
  }

  @Test(
    arguments: [[0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [1, 0, 0, 0], [0, 0, 0, 0x80]]
      as [[UInt8]])
  func anyKeyIsAKey(key: [UInt8]) {
    let frames: [TestFrame] = [
      TestFrame.binary(pattern(131)).with { $0.maskingKey = key },
      TestFrame.ping(pattern(9)).with { $0.maskingKey = key },
    ]
    ConnectionVector("key", frames, [.binary(pattern(131)), .ping(pattern(9))])
      .check(as: ServerRole.self)
  }

  @Test func eachFrameHasItsOwnKey() {
    let frames = TestFrame.fragments(opcode: 0x2, [pattern(5), pattern(6), pattern(7)])
      .enumerated().map { index, frame in
        frame.with { $0.maskingKey = [UInt8(index), 0x55, UInt8(index) &* 91, 0xAA] }
      }
    ConnectionVector("keys", frames, [.binary(pattern(5) + pattern(6) + pattern(7))])
      .check(as: ServerRole.self)
  }
}

@Suite("RFC 6455 §5.2: reserved bits")
struct ConnectionReservedBitTests {
  @Test(arguments: UInt8(1)...7, definedOpcodes)
  func bitsWithoutAnExtension(bits: UInt8, opcode: UInt8) {
    let frame = TestFrame(opcode: opcode, [3, 232]).with { $0.reservedBits = bits }
    ConnectionVector.deafAfter("RSV", [frame], [.violation(.reservedBits(bits))]).check()
  }

  /// RSV1 belongs to an extension; the other bits, and RSV1 on a control frame, to nobody
  /// (RFC 7692 §6).
  @Test(
    arguments: [
      (0x1, 0x2), (0x2, 0x1), (0x1, 0x6), (0x2, 0x7), (0x8, 0x4), (0x9, 0x4), (0xA, 0x4),
      (0x9, 0x5), (0x0, 0x2),
    ] as [(UInt8, UInt8)])
  func bitsBesideAnExtension(opcode: UInt8, bits: UInt8) {
    let frame = TestFrame(opcode: opcode, [3, 232]).with { $0.reservedBits = bits }
    ConnectionVector.deafAfter("RSV", [frame], [.violation(.reservedBits(bits))]) {
      $0.allowedReservedBits = 0x40
    }.check()
  }

  /// What an extension made of text is no text here.
  @Test(arguments: [([], 0xC1), (pattern(300), 0xC1), ([0xFF], 0xC1)] as [([UInt8], UInt8)])
  func allowedBitsStayWithTheMessage(payload: [UInt8], firstByte: UInt8) {
    let frame = TestFrame.text(payload).with { $0.reservedBits = 0x4 }
    ConnectionVector("RSV1", [frame, .text("é")], [.message(firstByte, payload), .text("é")]) {
      $0.allowedReservedBits = 0x40
    }.check()
  }

  @Test(arguments: [[1, 2], [0, 0], [0, 3, 0], [130, 1, 70]])
  func allowedBitsMarkTheFirstFragment(counts: [Int]) {
    let payloads = counts.map { [UInt8](repeating: 0xFE, count: $0) }
    var frames = TestFrame.fragments(opcode: 0x1, payloads)
    frames[0].reservedBits = 0x4
    let whole = [UInt8](repeating: 0xFE, count: counts.reduce(0, +))
    ConnectionVector("RSV1", frames + [.text("ok")], [.message(0xC1, whole), .text("ok")]) {
      $0.allowedReservedBits = 0x40
    }.check()
  }

  @Test func allowedBitsOnAContinuation() {
    let frames: [TestFrame] = [
      .text("a").notFinal, TestFrame.continuation([0x62]).with { $0.reservedBits = 0x4 },
    ]
    ConnectionVector.deafAfter("RSV1", frames, [.violation(.reservedBits(4))]) {
      $0.allowedReservedBits = 0x40
    }.check()
  }

  @Test func allThreeBitsAllowed() {
    let frame = TestFrame.binary([9]).with { $0.reservedBits = 0x7 }
    ConnectionVector("RSV1-3", [frame], [.message(0xF2, [9])]) { $0.allowedReservedBits = 0x70 }
      .check()
  }
}

@Suite("RFC 6455 §5.2: reserved opcodes")
struct ConnectionReservedOpcodeTests {
  private static let reserved: [UInt8] = [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF]

  @Test(arguments: reserved, [true, false])
  func betweenMessages(opcode: UInt8, isFinal: Bool) {
    let frame = TestFrame(opcode: opcode, [1]).with { $0.isFinal = isFinal }
    let frames: [TestFrame] = [.text("before"), frame]
    ConnectionVector.deafAfter(
      "opcode", frames, [.text("before"), .violation(.reservedOpcode(opcode))]
    ).check()
  }

  @Test(arguments: reserved)
  func insideAMessage(opcode: UInt8) {
    let frames: [TestFrame] = [.binary([1]).notFinal, TestFrame(opcode: opcode)]
    ConnectionVector.deafAfter("opcode", frames, [.violation(.reservedOpcode(opcode))]).check()
  }
}

@Suite("RFC 6455 §5.2: length encodings")
struct ConnectionLengthTests {
  private static let boundaries = [
    0, 1, 2, 3, 63, 64, 65, 124, 125, 126, 127, 128, 255, 256, 65_534, 65_535, 65_536, 65_537,
  ]

  @Test(arguments: boundaries)
  func binary(count: Int) {
    let payload = pattern(count)
    ConnectionVector("binary", [.binary(payload), .ping()], [.binary(payload), .ping([])]).check()
  }

  @Test(arguments: [0, 1, 2, 124, 125, 126, 127, 65_536])
  func text(count: Int) {
    let payload = pattern(count).map { $0 & 0x7F }
    let message = DialogueEvent.message(0x81, payload)
    ConnectionVector("text", [.text(payload), .text(payload)], [message, message]).check()
  }

  @Test(arguments: [0, 1, 124, 125])
  func sixteenBitsNotMinimal(count: Int) {
    let frame = TestFrame.binary(pattern(count)).with { $0.lengthForm = .sixteenBits }
    ConnectionVector.deafAfter("16 bits", [frame], [.violation(.lengthNotMinimal(count))]).check()
  }

  @Test(arguments: [0, 1, 125, 126, 127, 255, 256, 65_534, 65_535])
  func sixtyFourBitsNotMinimal(count: Int) {
    let frame = TestFrame.binary([]).with {
      $0.lengthForm = .sixtyFourBits
      $0.declaredByteCount = UInt64(count)
    }
    ConnectionVector.deafAfter("64 bits", [frame], [.violation(.lengthNotMinimal(count))]).check()
  }

  @Test(arguments: [1 << 63, 1 << 63 | 1, 1 << 63 | 65_536, .max] as [UInt64])
  func topBitSet(count: UInt64) {
    let frame = TestFrame.binary([]).with { $0.declaredByteCount = count }
    ConnectionVector.deafAfter("top bit", [frame], [.violation(.lengthAbove63Bits)]).check()
  }

  /// The verdict needs no byte after the length: not the masking key, not the payload.
  @Test func verdictFallsWithTheLength() {
    let short = TestFrame.binary([]).with { $0.lengthForm = .sixteenBits }
    let long = TestFrame.binary([]).with { $0.declaredByteCount = .max }
    let padded = TestFrame.binary([]).with { $0.lengthForm = .sixtyFourBits }
    for (frame, byteCount) in [(short, 4), (long, 10), (padded, 10)] {
      #expect(
        byteCountUntilViolation(frame.bytes(to: ServerRole.self), as: ServerRole.self)
          == byteCount)
      #expect(
        byteCountUntilViolation(frame.bytes(to: ClientRole.self), as: ClientRole.self)
          == byteCount)
    }
  }

  @Test(arguments: [2, 3, 126, 127, 200])
  func messagesInARow(messageCount: Int) {
    let payloads = (0..<messageCount).map { pattern($0 % 140) }
    var dialogue = ConnectionDialogue<ServerRole>()
    dialogue.receive(payloads.map(TestFrame.binary).bytes(to: ServerRole.self))
    let events = dialogue.events
    let wholeMessageCount = dialogue.wholeMessageCount
    #expect(events == payloads.map(DialogueEvent.binary))
    #expect(wholeMessageCount == messageCount)
  }
}
