// Messages as frames: what a server would read out of them.

import Testing
import WebSocketProtocol

@testable import LoadGeneration

@Suite("Messages")
struct MessagePoolTests {
  private static let messages: [[UInt8]] = [
    Array("hello".utf8), [], [UInt8](repeating: 7, count: 125), [UInt8](repeating: 8, count: 126),
    [UInt8](repeating: 9, count: 70_000),
  ]

  /// The messages that a server finds in some bytes.
  private func read(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> [(UInt8, [UInt8])] {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    defer { copy.deallocate() }
    copy.copyMemory(from: bytes)
    var blocks = BlockPool(maximumPooledByteCount: 0)
    var server = ServerConnection()
    server.allowedReservedBits = FrameHeader.compressedBit
    var input = ReceivedBytes(copy.baseAddress!, count: copy.count)
    var found: [(UInt8, [UInt8])] = []
    while case .message(let message) = server.nextEvent(
      &input, maximumMessageByteCount: 1 << 20, pool: &blocks)
    {
      let payload = UnsafeRawBufferPointer(start: message.payload, count: message.byteCount)
      found.append((message.firstByte, Array(payload)))
      server.releaseMessage(&blocks)
    }
    server.releaseAll(&blocks)
    return found
  }

  @Test("frames say what the messages say", arguments: [true, false])
  func frames(isText: Bool) {
    let pool = MessagePool(Self.messages, isText: isText, compresses: false)
    let run = pool.frames(from: 0, limit: 100)
    #expect(run.count == 5)
    let found = read(run.bytes, run.count)
    #expect(found.map(\.1) == Self.messages)
    #expect(found.allSatisfy { $0.0 == (isText ? 0x81 : 0x82) && $0.0 == pool.firstByte })
    for (index, message) in Self.messages.enumerated() {
      #expect(Array(pool.payload(index)) == message)
    }
    let part = pool.frames(from: 3, limit: 1)
    #expect(part.count == 1 && read(part.bytes, 1).map(\.1) == [Self.messages[3]])
  }

  @Test("replies are what an echoing server sends")
  func replies() {
    let pool = MessagePool(Self.messages, isText: true, compresses: false)
    let run = pool.replies(from: 0, limit: 100)
    #expect(run.count == 5 && FrameHeader.areServerFrames(run.bytes))
    #expect(run.bytes.count == 2 + 5 + 2 + 2 + 125 + 4 + 126 + 10 + 70_000)
    #expect(Array(run.bytes.prefix(9)) == [0x81, 5] + Array("hello".utf8) + [0x81, 0])
    #expect(pool.replies(from: 1, limit: 2).bytes.count == 2 + 2 + 125)
    #expect(pool.replies(from: 2, limit: 0).bytes.isEmpty)
    #expect(pool.replyByteCount(from: 3, count: 2) == 4 + 126 + 10 + 70_000)
    #expect(pool.payloadByteCount(from: 1, count: 3) == 251)
    #expect(pool.index(behind: 1, 3) == 4 && pool.index(behind: 1, 4) == 0)
  }

  @Test("compressed messages inflate by themselves")
  func compressed() throws {
    let pool = MessagePool(Self.messages, isText: false, compresses: true)
    let run = pool.frames(from: 0, limit: 5)
    let inflater = try #require(Inflater(windowBits: 15))
    defer { inflater.release() }
    var blocks = BlockPool(maximumPooledByteCount: 0)
    for (message, frame) in zip(Self.messages, read(run.bytes, 5)) {
      #expect(frame.0 == 0xC2)
      let inflated = frame.1.withUnsafeBytes {
        inflater.inflate(
          $0.baseAddress!, $0.count, maximumByteCount: 1 << 20, keepsContext: false,
          pool: &blocks)
      }
      guard case .inflated(let block, _) = inflated else {
        Issue.record("does not inflate")
        continue
      }
      #expect(
        Array(UnsafeRawBufferPointer(start: block.bytes, count: block.pointee.end)) == message)
      blocks.put(block)
    }
  }

  @Test("what is made up has the sizes that were asked for")
  func generated() {
    let messages = MessageSource.generated(sizes: [0, 10, 5000], isText: true)
    #expect(Array(messages.map(\.count).prefix(6)) == [0, 10, 5000, 0, 10, 5000])
    #expect(messages.allSatisfy(LoadPlan.isText))
    #expect(Set(MessageSource.generated(sizes: [64], isText: false)).count == 64)
  }

  @Test("lines of a file")
  func lines() {
    #expect(MessageSource.lines(Array("a\nb\n".utf8)) == [Array("a".utf8), Array("b".utf8)])
    #expect(MessageSource.lines(Array("a\n\nb".utf8))?.count == 3)
    #expect(MessageSource.lines([]) == nil)
  }

  @Test("stamps come back as they were, and are text")
  func stamps() {
    let stamps = [
      BroadcastStamp(publisher: 0, number: 0, departure: 0),
      BroadcastStamp(publisher: 49, number: 123_456_789, departure: 1_234_567_890_123_456),
      BroadcastStamp(publisher: 49, number: 123_456_790, departure: 1_234_567_890_123_456),
      BroadcastStamp(publisher: 50, number: 123_456_790, departure: 1_234_567_890_123_457),
      BroadcastStamp(publisher: 50, number: 123_456_791, departure: 1_234_567_890_123_393),
      BroadcastStamp(
        publisher: BroadcastStamp.maximumPublisherCount - 1, number: 1 << 36 - 1,
        departure: 1 << 60 - 1),
    ]
    // One reader for all: what it remembers of one must not show in another.
    var reader = StampReader()
    for stamp in stamps + stamps.reversed() {
      var bytes = [UInt8](repeating: 0, count: BroadcastStamp.byteCount)
      bytes.withUnsafeMutableBytes { stamp.write(to: $0.baseAddress!) }
      #expect(bytes.withUnsafeBytes { reader.read($0) } == stamp)
      #expect(bytes.allSatisfy { (0x20..<0x7F).contains($0) })
    }
    let others = ["", "#", String(repeating: "x", count: 21)]
    for text in others { #expect(Array(text.utf8).withUnsafeBytes { reader.read($0) } == nil) }
  }

  @Test(
    "differences are named",
    arguments: [
      ("abc", 0x81, "abd", "byte 2 of 3 is 0x63, not 0x64"), ("ab", 0x81, "abc", "2 bytes"),
      ("abc", 0x82, "abc", "binary instead of text"), ("", 0x81, "x", "0 bytes instead of 1"),
    ])
  func differences(found: String, firstByte: UInt8, expected: String, words: String) {
    let text = Array(found.utf8).withUnsafeBytes { found in
      Array(expected.utf8).withUnsafeBytes { expected in
        "\(Difference(found, firstByte, from: expected, 0x81))"
      }
    }
    #expect(text.contains(words), "\(text)")
  }
}
