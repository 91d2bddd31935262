// Payload received where its message is put together: when the space is offered, how large it is,
// and that what comes through it counts like any other bytes.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §5.4: payload received into the message")
struct ConnectionDirectReceiveTests {
  /// The space on offer for at least `minimum` bytes after `bytes` were received.
  private func space(
    after bytes: [UInt8], atLeast minimum: Int, afterOurClose: Bool = false
  ) -> Int? {
    var dialogue = ConnectionDialogue<ServerRole>()
    dialogue.receive(bytes)
    // The connection alone: what was put together so far is still there.
    if afterOurClose { _ = dialogue.connection.sendClose(CloseFrame(code: .goingAway)) }
    defer { dialogue.releaseAll() }
    return dialogue.connection.directReceiveSpace(atLeast: minimum)?.count
  }

  @Test func spaceIsTheRestOfTheFrame() {
    let bytes = TestFrame.binary(pattern(1000)).bytes(to: ServerRole.self)
    #expect(space(after: [], atLeast: 1) == nil)
    #expect(space(after: Array(bytes[..<7]), atLeast: 1) == nil)
    #expect(space(after: Array(bytes[..<8]), atLeast: 1) == 1000)
    #expect(space(after: Array(bytes[..<8]), atLeast: 1000) == 1000)
    #expect(space(after: Array(bytes[..<8]), atLeast: 1001) == nil)
    #expect(space(after: Array(bytes[..<1000]), atLeast: 1) == 8)
    #expect(space(after: Array(bytes[..<1000]), atLeast: 9) == nil)
    #expect(space(after: bytes, atLeast: 1) == nil)
  }

  @Test func noSpaceAfterOurClose() {
    let bytes = TestFrame.binary(pattern(1000)).bytes(to: ServerRole.self)
    #expect(space(after: Array(bytes[..<20]), atLeast: 1) == 988)
    #expect(space(after: Array(bytes[..<20]), atLeast: 1, afterOurClose: true) == nil)
  }

  @Test func noSpaceAfterAViolation() {
    let bytes = TestFrame.text([0xFF] + pattern(999)).bytes(to: ServerRole.self)
    #expect(space(after: Array(bytes[..<8]), atLeast: 1) == 1000)
    #expect(space(after: Array(bytes[..<9]), atLeast: 1) == nil)
  }

  /// A final frame, a fragment that is not the last, and one that is.
  @Test(arguments: [1, 2, 3], [1, 3, 4, 64, 250, 1000])
  func whatComesDirectlyCounts(fragmentCount: Int, limit: Int) {
    let pieces = (0..<fragmentCount).map { pattern(300 + $0) }
    let frames = TestFrame.fragments(opcode: 0x2, pieces) + [.text("after")]
    var dialogue = ConnectionDialogue<ServerRole>()
    dialogue.receive(
      frames.bytes(to: ServerRole.self), .direct(minimum: 1, limit: limit, chunk: 1))
    let events = dialogue.events
    let directByteCount = dialogue.directByteCount
    let lentCount = dialogue.lentCount
    #expect(events == [.binary(Array(pieces.joined())), .text("after")])
    // The five bytes of the text as well: a header that comes alone begins a message in a block.
    #expect(directByteCount == pieces.joined().count + 5)
    // Not even the block of a header that came in pieces is kept.
    #expect(lentCount == 0)
  }

  /// A fragment that ends the frame but not the message hands out nothing, and the next header is
  /// read from the receive buffer.
  @Test func aFragmentThatIsNotTheLast() {
    let first = TestFrame.text("one").notFinal.bytes(to: ServerRole.self)
    let second = TestFrame.continuation(Array("two".utf8)).bytes(to: ServerRole.self)
    var dialogue = ConnectionDialogue<ServerRole>()
    dialogue.receive(first, .direct(minimum: 1, limit: 3, chunk: 6))
    let afterFirst = dialogue.events
    let hasSpace = dialogue.connection.directReceiveSpace(atLeast: 1) != nil
    let isBetweenMessages = dialogue.connection.isBetweenMessages
    #expect(afterFirst == [])
    #expect(!hasSpace)
    #expect(!isBetweenMessages)
    dialogue.receive(second, .direct(minimum: 1, limit: 3, chunk: 6))
    let events = dialogue.events
    let directByteCount = dialogue.directByteCount
    #expect(events == [.text("onetwo")])
    #expect(directByteCount == 6)
  }

  /// The masking key goes on where it was, wherever the payload was cut.
  @Test func theKeyGoesOn() {
    let bytes = TestFrame.binary(pattern(40)).bytes(to: ServerRole.self)
    for position in 6...46 {
      var dialogue = ConnectionDialogue<ServerRole>()
      dialogue.receive(Array(bytes[..<position]))
      dialogue.receive(
        Array(bytes[position...]), .direct(minimum: 1, limit: 1 + position % 5, chunk: 1))
      let events = dialogue.events
      #expect(events == [.binary(pattern(40))], "cut at \(position)")
    }
  }

  @Test func malformedTextReceivedDirectly() {
    let frames: [TestFrame] = [.text(Array("ab".utf8) + [0xC0] + pattern(50)), .close(1000)]
    var dialogue = ConnectionDialogue<ServerRole>()
    dialogue.receive(
      frames.bytes(to: ServerRole.self), .direct(minimum: 1, limit: 3, chunk: 6))
    let events = dialogue.events
    let directByteCount = dialogue.directByteCount
    #expect(events == [.violation(.invalidUTF8InText), .close(1000)])
    #expect(directByteCount == 3)
  }

  /// A message in a block goes on to be sent from there: the connection lets go of it.
  @Test func theBlockIsTakenOver() {
    var pool = BlockPool(maximumPooledByteCount: 0)
    var connection = ServerConnection()
    var bytes = TestFrame.fragments(opcode: 0x2, [pattern(3), pattern(4)])
      .bytes(to: ServerRole.self)
    bytes.withUnsafeMutableBytes { buffer in
      var input = ReceivedBytes(buffer.baseAddress!, count: buffer.count)
      let event = connection.nextEvent(&input, maximumMessageByteCount: 7, pool: &pool)
      guard case .message(let message) = event else {
        Issue.record("no message")
        return
      }
      guard let block = connection.takeMessageBlock() else {
        Issue.record("no block")
        return
      }
      #expect(message.isAssembled)
      #expect(block.bytes == message.payload)
      #expect(block.count == 7)
      #expect(connection.takeMessageBlock() == nil)
      connection.releaseAll(&pool)
      #expect(pool.lentCount == 1)
      pool.put(block)
      #expect(pool.lentCount == 0)
    }
  }
}
