// The limit of a message's size: it falls with the header that breaks it, whatever follows.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §10.4: limits of a message's size")
struct ConnectionLimitTests {
  private static func tooBig(_ limit: Int, _ count: Int) -> DialogueEvent {
    .violation(.messageTooBig(maximumByteCount: limit, byteCount: count))
  }

  @Test(arguments: [0, 1, 125, 126, 65_535, 65_536], [0, 1])
  func atTheLimitAndAbove(limit: Int, excess: Int) {
    let payload = pattern(limit + excess)
    let expected = excess == 0 ? .binary(payload) : Self.tooBig(limit, limit + excess)
    ConnectionVector.skipsAfter("limit", [.binary(payload)], [expected]) {
      $0.maximumMessageByteCount = limit
      // What follows has to be within the limit as well.
      if excess == 0 {
        $0.frames = [.binary(payload), .close(1000)]
        $0.expected = [expected, .close(1000)]
      }
    }.check()
  }

  /// The declared length alone decides; the payload never comes.
  @Test(
    arguments: [101, 126, 65_536, 1 << 31 - 1, 1 << 31, 1 << 32, 1 << 62, .max], [true, false])
  func declaredLength(count: Int, isFinal: Bool) {
    let frame = TestFrame.binary([]).with {
      $0.declaredByteCount = UInt64(count)
      $0.isFinal = isFinal
    }
    ConnectionVector("declared", [frame], [Self.tooBig(100, count)]) {
      $0.maximumMessageByteCount = 100
    }.check()
  }

  /// What follows such a header is its payload, not frames.
  @Test func whatFollowsIsPayload() {
    let frame = TestFrame.binary([]).with { $0.declaredByteCount = UInt64(Int.max) }
    ConnectionVector("payload", [frame, .text("a"), .close(1000)], [Self.tooBig(1 << 20, .max)])
      .check()
  }

  @Test(
    arguments: [([50, 51], 101), ([100, 1], 101), ([0, 101], 101), ([30, 30, 30, 11], 101)])
  func sumOfFragments(sizes: [Int], sum: Int) {
    let frames = TestFrame.fragments(opcode: 0x1, sizes.map { [UInt8](repeating: 1, count: $0) })
    ConnectionVector.skipsAfter("sum", frames, [Self.tooBig(100, sum)]) {
      $0.maximumMessageByteCount = 100
    }.check()
  }

  @Test(arguments: [[50, 50], [100, 0], [0, 100], [30, 30, 30, 10]])
  func sumOfFragmentsAtTheLimit(sizes: [Int]) {
    let frames = TestFrame.fragments(opcode: 0x2, sizes.map { [UInt8](repeating: 1, count: $0) })
    let whole = [UInt8](repeating: 1, count: 100)
    // A message starts the sum anew.
    ConnectionVector("sum", frames + frames, [.binary(whole), .binary(whole)]) {
      $0.maximumMessageByteCount = 100
    }.check()
  }

  /// No sum of lengths wraps around, with or without a limit.
  @Test(arguments: [100, .max - 1, .max])
  func sumBeyond63Bits(limit: Int) {
    let second = TestFrame.continuation([]).with { $0.declaredByteCount = UInt64(Int.max) }
    ConnectionVector("sum", [.binary([1, 2]).notFinal, second], [Self.tooBig(limit, .max)]) {
      $0.maximumMessageByteCount = limit
    }.check()
  }

  /// Control frames do not count.
  @Test func controlFramesDoNotCount() {
    let frames: [TestFrame] = [
      .binary([1, 2]).notFinal, .ping(pattern(125)), .continuation([3, 4]),
    ]
    ConnectionVector("control", frames, [.ping(pattern(125)), .binary([1, 2, 3, 4])]) {
      $0.maximumMessageByteCount = 4
    }.check()
  }

  @Test func aLimitOfNothing() {
    ConnectionVector.skipsAfter(
      "nothing", [.text(""), .binary([]).notFinal, .continuation([]), .text("a")],
      [.text(""), .binary([]), Self.tooBig(0, 1)]
    ) { $0.maximumMessageByteCount = 0 }.check()
  }

  /// Too big and no text: too big, because that is known first.
  @Test func theLimitComesBeforeTheText() {
    ConnectionVector.skipsAfter("both", [.text([0xFF, 0xFF])], [Self.tooBig(1, 2)]) {
      $0.maximumMessageByteCount = 1
    }.check()
  }
}
