// A vector: frames, and what an endpoint must make of them however the bytes are cut. Vectors hold
// for both roles; each is delivered whole, split at every byte, byte by byte, in small chunks, and
// received directly into the block of the message.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

struct ConnectionVector: Sendable, CustomTestStringConvertible {
  let testDescription: String
  var frames: [TestFrame]
  var expected: [DialogueEvent]
  var maximumMessageByteCount = 1 << 20
  var allowedReservedBits: UInt8 = 0
  /// Bytes at the end that never arrive.
  var missingByteCount = 0
  /// Close was sent before any of the bytes arrive.
  var isAfterOurClose = false

  init(
    _ name: String, _ frames: [TestFrame], _ expected: [DialogueEvent],
    _ change: (inout ConnectionVector) -> Void = { _ in }
  ) {
    self.testDescription = name
    self.frames = frames
    self.expected = expected
    change(&self)
  }

  /// The frames, then a message and a Close that must not be seen any more.
  static func deafAfter(
    _ name: String, _ frames: [TestFrame], _ expected: [DialogueEvent],
    _ change: (inout ConnectionVector) -> Void = { _ in }
  ) -> ConnectionVector {
    ConnectionVector(name, frames + [.text("late"), .close(1000)], expected, change)
  }

  /// The frames, then a message that must be skipped and a Close that must be found.
  static func skipsAfter(
    _ name: String, _ frames: [TestFrame], _ expected: [DialogueEvent],
    _ change: (inout ConnectionVector) -> Void = { _ in }
  ) -> ConnectionVector {
    let late: [TestFrame] = [
      .text("late").notFinal, .continuation([0xFF]), .binary(pattern(20)), .close(1000, "bye"),
    ]
    return ConnectionVector(name, frames + late, expected + [.close(1000, "bye")], change)
  }

  /// Runs the vector in both roles and all deliveries.
  func check(sourceLocation: SourceLocation = #_sourceLocation) {
    check(as: ServerRole.self, sourceLocation: sourceLocation)
    check(as: ClientRole.self, sourceLocation: sourceLocation)
  }

  /// Runs the vector in all deliveries; the frames are addressed to `role`.
  func check<Role: EndpointRole>(
    as role: Role.Type, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let bytes = Array(frames.bytes(to: role).dropLast(missingByteCount))
    for delivery in deliveries(ofByteCount: bytes.count) {
      var dialogue = ConnectionDialogue<Role>(
        maximumMessageByteCount: maximumMessageByteCount,
        allowedReservedBits: allowedReservedBits)
      if isAfterOurClose { dialogue.sendClose(CloseFrame(code: .goingAway)) }
      dialogue.receive(bytes, delivery)
      let events = dialogue.events
      dialogue.releaseAll()
      let lostBlockCount = dialogue.lentCount
      #expect(events == expected, "\(role), \(delivery)", sourceLocation: sourceLocation)
      #expect(lostBlockCount == 0, "\(role), \(delivery)", sourceLocation: sourceLocation)
    }
  }

  /// Every split of what is short; of what is long, those in and near headers and some between.
  private func deliveries(ofByteCount count: Int) -> [Delivery] {
    if count > 1000 {
      let splits = (0...count).filter { $0 < 16 || $0 > count - 8 || $0 % 16_381 == 0 }
      return [.whole, .chunks(of: 1), .chunks(of: 997)] + splits.map { .split(at: $0) }
        + [.direct(minimum: 1, limit: .max, chunk: 1), .direct(minimum: 9, limit: 99, chunk: 14)]
    }
    let limits = [(1, .max, 1), (1, 1, 2), (1, 3, 3), (2, .max, 6), (4, 7, 16), (20, 100, 14)]
    return [.whole] + (0...count).map { .split(at: $0) }
      + [1, 2, 3, 5, 8, 13, 200].map { .chunks(of: $0) }
      + limits.map { .direct(minimum: $0.0, limit: $0.1, chunk: $0.2) }
  }
}

/// Bytes that differ from their neighbours and from the bytes 4, 64 and 256 before them.
func pattern(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 6 &+ 1) }
}

/// After how many bytes, one at a time, an endpoint finds a violation; nil: it finds none.
func byteCountUntilViolation<Role: EndpointRole>(
  _ bytes: [UInt8], as role: Role.Type, allowedReservedBits: UInt8 = 0
) -> Int? {
  var dialogue = ConnectionDialogue<Role>(allowedReservedBits: allowedReservedBits)
  defer { dialogue.releaseAll() }
  for (index, byte) in bytes.enumerated() {
    dialogue.receive([byte])
    if case .violation = dialogue.events.last { return index + 1 }
  }
  return nil
}
