// Messages in several frames: order, empty fragments, control frames between them, growth.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §5.4: fragmentation")
struct ConnectionFragmentationTests {
  /// Payload sizes of the fragments; the sums cross the sizes of blocks.
  private static let sizes: [[Int]] = [
    [0, 0], [0, 1], [1, 0], [1, 1], [0, 0, 0], [0, 1, 0], [1, 0, 1], [125, 1], [126, 127],
    [1, 125, 126, 127], [255, 1], [255, 1, 1], [256, 0], [256, 1], [200, 200, 200], [0, 512, 1],
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [300, 5, 300, 5],
  ]

  private static func pieces(_ sizes: [Int]) -> [[UInt8]] {
    var rest = pattern(sizes.reduce(0, +))[...]
    return sizes.map { size in
      defer { rest = rest.dropFirst(size) }
      return Array(rest.prefix(size))
    }
  }

  @Test(arguments: sizes)
  func fragmentsMakeAMessage(sizes: [Int]) {
    let pieces = Self.pieces(sizes)
    let frames = TestFrame.fragments(opcode: 0x2, pieces)
    let whole = Array(pieces.joined())
    ConnectionVector("fragments", frames + [.text("next")], [.binary(whole), .text("next")])
      .check()
  }

  @Test(arguments: sizes)
  func controlFramesBetweenFragments(sizes: [Int]) {
    let pieces = Self.pieces(sizes)
    var frames: [TestFrame] = []
    var events: [DialogueEvent] = []
    for (index, frame) in TestFrame.fragments(opcode: 0x2, pieces).enumerated() {
      let payload = pattern(index)
      frames += [frame, index % 2 == 0 ? .ping(payload) : .pong(payload)]
      events.append(index % 2 == 0 ? .ping(payload) : .pong(payload))
    }
    // The message is whole before the control frame that follows its last fragment.
    events.insert(.binary(Array(pieces.joined())), at: events.count - 1)
    ConnectionVector("interleaved", frames, events).check()
  }

  @Test(arguments: [0, 1, 124, 125])
  func longControlFramesBetweenFragments(count: Int) {
    let frames: [TestFrame] = [
      .text("Hel").notFinal, .ping(pattern(count)), .pong(pattern(count)), .ping(),
      .continuation([0x6C]).notFinal, .ping(pattern(count)), .continuation([0x6F]),
    ]
    ConnectionVector(
      "long control frames", frames,
      [
        .ping(pattern(count)), .pong(pattern(count)), .ping([]), .ping(pattern(count)),
        .text("Hello"),
      ]
    ).check()
  }

  @Test func closeInsideAMessage() {
    let frames: [TestFrame] = [.text("never").notFinal, .close(1001, "gone"), .continuation([])]
    ConnectionVector("close", frames, [.close(1001, "gone")]).check()
  }

  @Test(arguments: [true, false], [0, 1, 130])
  func continuationWithoutAMessage(isFinal: Bool, count: Int) {
    let frame = TestFrame.continuation(pattern(count)).with { $0.isFinal = isFinal }
    ConnectionVector.skipsAfter("continuation", [frame], [.violation(.unexpectedContinuation)])
      .check()
  }

  @Test(arguments: [[.text("whole")], TestFrame.fragments(opcode: 0x1, [[0x61], [0x62]])])
  func continuationAfterAMessage(message: [TestFrame]) {
    let text = String(decoding: message.flatMap(\.payload), as: UTF8.self)
    ConnectionVector.skipsAfter(
      "continuation", message + [.continuation([1])],
      [.text(text), .violation(.unexpectedContinuation)]
    ).check()
  }

  @Test(arguments: [Opcode.text, .binary], [0, 1, 126])
  func messageInsideAMessage(opcode: Opcode, count: Int) {
    let intruder = TestFrame(opcode: opcode.rawValue, pattern(count))
    for frame in [intruder, intruder.notFinal] {
      ConnectionVector.skipsAfter(
        "message", [.text("begun").notFinal, frame],
        [.violation(.expectedContinuation(opcode))]
      ).check()
    }
  }

  @Test func messageInsideAMessageOfEmptyFragments() {
    ConnectionVector.skipsAfter(
      "message", [.binary([]).notFinal, .continuation([]).notFinal, .binary([1])],
      [.violation(.expectedContinuation(.binary))]
    ).check()
  }

  @Test(arguments: [0x1, 0x2] as [UInt8])
  func theFirstFragmentNamesTheKind(opcode: UInt8) {
    let frames = TestFrame.fragments(opcode: opcode, [[], [0x61], []])
    ConnectionVector("kind", frames, [.message(0x80 | opcode, [0x61])]).check()
  }

  @Test func messagesOfBothKindsInTurn() {
    let frames =
      [.text("a"), .binary([])] + TestFrame.fragments(opcode: 0x1, [[0x62], [0x63]])
      + [.text("")] + TestFrame.fragments(opcode: 0x2, [[1], []]) + [.binary([2])]
    ConnectionVector(
      "in turn", frames,
      [.text("a"), .binary([]), .text("bc"), .text(""), .binary([1]), .binary([2])]
    ).check()
  }

  /// A message that ends before it begins is no message: nothing is handed out.
  @Test(arguments: [1, 2, 50])
  func unfinishedMessages(fragmentCount: Int) {
    let frames = (0..<fragmentCount).map { index in
      TestFrame(opcode: index == 0 ? 0x2 : 0x0, [1]).notFinal
    }
    ConnectionVector("unfinished", frames, []).check()
  }

  /// The block of a message that outgrows it goes back to the pool: one is out at any time.
  @Test func growthGivesTheOldBlockBack() {
    var dialogue = ConnectionDialogue<ServerRole>()
    var sent: [UInt8] = []
    for index in 0..<12 {
      let payload = pattern(200 << index)
      sent += payload
      dialogue.receive(
        TestFrame(opcode: index == 0 ? 0x2 : 0x0, payload).with { $0.isFinal = index == 11 }
          .bytes(to: ServerRole.self))
      let lentCount = dialogue.lentCount
      #expect(lentCount == (index == 11 ? 0 : 1))
    }
    let events = dialogue.events
    #expect(events == [.binary(sent)])
  }

  @Test func aThousandEmptyFragments() {
    let pieces = [[UInt8]](repeating: [], count: 1000) + [[7]]
    let frames = TestFrame.fragments(opcode: 0x2, pieces)
    ConnectionVector("flood", frames, [.binary([7])]).check()
  }
}
