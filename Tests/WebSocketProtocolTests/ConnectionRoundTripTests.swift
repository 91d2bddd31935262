// Random conversations: messages written with the encoder under test, whole or in fragments, with
// control frames anywhere, read at random splits, and equal to what was written. The seed of a
// failure is in its message.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

/// A stream of frames to an endpoint of a role, and what it must make of it.
private struct RandomStream<Role: EndpointRole> {
  private(set) var bytes: [UInt8] = []
  private(set) var expected: [DialogueEvent] = []
  private var random: SeededGenerator

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15)
    for _ in 0..<Int.random(in: 1...12, using: &random) { appendMessage() }
    if Bool.random(using: &random) {
      let frame = CloseFrame(code: .normalClosure, reason: text(ofAtMost: 20))
      append(0x88, frame.payload)
      expected.append(.close(frame))
    }
  }

  /// Chunk sizes from single bytes to everything at once.
  mutating func nextChunkSize() -> Int {
    1 << Int.random(in: 0...12, using: &random) + Int.random(in: 0...3, using: &random)
  }

  private mutating func appendMessage() {
    let isText = Bool.random(using: &random)
    let size = 1 << Int.random(in: 0...9, using: &random)
    let payload = isText ? Array(text(ofAtMost: size).utf8) : noise(size - 1)
    let fragmentCount = Bool.random(using: &random) ? 1 : Int.random(in: 1...5, using: &random)
    var cuts = (1..<fragmentCount).map { _ in Int.random(in: 0...payload.count, using: &random) }
    cuts = [0] + cuts.sorted() + [payload.count]
    for index in 0..<fragmentCount {
      if Int.random(in: 0..<4, using: &random) == 0 { appendControlFrame() }
      let opcode: UInt8 = index > 0 ? 0x0 : isText ? 0x1 : 0x2
      let isFinal = index == fragmentCount - 1
      append((isFinal ? 0x80 : 0) | opcode, Array(payload[cuts[index]..<cuts[index + 1]]))
    }
    expected.append(.message(isText ? 0x81 : 0x82, payload))
  }

  private mutating func appendControlFrame() {
    let payload = noise(Int.random(in: 0...125, using: &random))
    let isPing = Bool.random(using: &random)
    append(isPing ? 0x89 : 0x8A, payload)
    expected.append(isPing ? .ping(payload) : .pong(payload))
  }

  /// One frame as the code under test writes it.
  private mutating func append(_ firstByte: UInt8, _ payload: [UInt8]) {
    let key = Role.receivesMaskedFrames ? UInt32.random(in: 0 ... .max, using: &random) : 0
    bytes += [UInt8](unsafeUninitializedCapacity: FrameHeader.maximumByteCount + payload.count) {
      let start = UnsafeMutableRawPointer($0.baseAddress!)
      let headerByteCount =
        Role.receivesMaskedFrames
        ? FrameHeader.writeClient(
          firstByte, payloadByteCount: payload.count, maskingKey: key, to: start)
        : FrameHeader.writeServer(firstByte, payloadByteCount: payload.count, to: start)
      $1 = headerByteCount + payload.count
      _ = payload.withUnsafeBytes {
        Masking.apply(
          key, from: $0.baseAddress ?? UnsafeRawPointer(start), count: payload.count,
          to: start + headerByteCount)
      }
    }
  }

  private mutating func noise(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }

  /// Characters of one to four bytes; all ASCII every other time.
  private mutating func text(ofAtMost byteCount: Int) -> String {
    let alphabet: [Character] =
      Bool.random(using: &random) ? ["a", "~", " "] : ["a", "é", "€", "😀", "\u{10FFFF}", "\u{0}"]
    var text = ""
    while let character = alphabet.randomElement(using: &random),
      text.utf8.count + character.utf8.count <= byteCount
    { text.append(character) }
    return text
  }
}

@Suite("RFC 6455 §5 and §6: random conversations")
struct ConnectionRoundTripTests {
  /// Each batch is a hundred streams, each read whole, at random splits, and directly.
  private func readBack<Role: EndpointRole>(batch: Int, as role: Role.Type) {
    for seed in UInt64(batch * 100 + 1)...UInt64(batch * 100 + 100) {
      var stream = RandomStream<Role>(seed: seed)
      let bytes = stream.bytes
      check(stream, seed, "whole") { $0.receive(bytes) }
      check(stream, seed, "in random chunks") { dialogue in
        var rest = bytes[...]
        while !rest.isEmpty {
          let size = stream.nextChunkSize()
          dialogue.receive(Array(rest.prefix(size)))
          rest = rest.dropFirst(size)
        }
      }
      let direct = Delivery.direct(
        minimum: 1 + Int(seed % 40), limit: stream.nextChunkSize(), chunk: stream.nextChunkSize())
      check(stream, seed, "directly") { $0.receive(bytes, direct) }
    }
  }

  private func check<Role: EndpointRole>(
    _ stream: RandomStream<Role>, _ seed: UInt64, _ how: String,
    receive: (inout ConnectionDialogue<Role>) -> Void
  ) {
    // A small pool gives memory back early: the sanitizer sees what is used too long.
    var dialogue = ConnectionDialogue<Role>(maximumPooledByteCount: seed % 2 == 0 ? 0 : 1024)
    receive(&dialogue)
    let events = dialogue.events
    dialogue.releaseAll()
    let lostBlockCount = dialogue.lentCount
    #expect(events == stream.expected, "seed \(seed), \(Role.self), \(how)")
    #expect(lostBlockCount == 0, "seed \(seed), \(Role.self), \(how)")
  }

  @Test(arguments: 0..<5)
  func toAServer(batch: Int) { readBack(batch: batch, as: ServerRole.self) }

  @Test(arguments: 5..<10)
  func toAClient(batch: Int) { readBack(batch: batch, as: ClientRole.self) }

  /// A stream with one byte changed is read without a trap or a lost block, in every delivery
  /// alike.
  @Test(arguments: 0..<4)
  func damagedStreams(batch: Int) {
    for seed in UInt64(batch * 200 + 5001)...UInt64(batch * 200 + 5200) {
      var random = SeededGenerator(seed: seed)
      let stream = RandomStream<ServerRole>(seed: seed)
      var bytes = stream.bytes
      let position = Int.random(in: 0..<min(bytes.count, 64), using: &random)
      bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      var results: [[DialogueEvent]] = []
      let deliveries: [Delivery] = [
        .whole, .chunks(of: 1), .chunks(of: 9), .split(at: position),
        .direct(minimum: 1, limit: 10, chunk: 8),
      ]
      for delivery in deliveries {
        var dialogue = ConnectionDialogue<ServerRole>(maximumMessageByteCount: 10_000)
        dialogue.receive(bytes, delivery)
        results.append(dialogue.events)
        dialogue.releaseAll()
        let lostBlockCount = dialogue.lentCount
        #expect(lostBlockCount == 0, "seed \(seed), \(delivery)")
      }
      for (delivery, result) in zip(deliveries, results) {
        #expect(result == results[0], "seed \(seed), \(delivery)")
      }
    }
  }
}
