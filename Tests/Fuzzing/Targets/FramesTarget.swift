// Frames of either role: however they are cut, and whether payload is received where its message is
// put together or not, the events are the same, and all memory is given back.

import RelayTestSupport
import WebSocketProtocol

enum FramesTarget {
  static func check(_ input: inout FuzzInput) {
    let isServer = input.byte() & 1 == 0
    if isServer {
      check(&input, ServerRole.self)
    } else {
      check(&input, ClientRole.self)
    }
  }

  private static func check<Role: EndpointRole>(_ input: inout FuzzInput, _ role: Role.Type) {
    let maximum = input.pick([1 << 20, 0, 16, 125, 1000])
    let bits = input.pick([UInt8(0), FrameHeader.compressedBit])
    let minimum = Int(input.byte()) + 1
    let cuts = input.cuts()
    let bytes = input.rest()
    func dialogue() -> ConnectionDialogue<Role> {
      ConnectionDialogue(maximumMessageByteCount: maximum, allowedReservedBits: bits)
    }
    var whole = dialogue()
    whole.receive(bytes)
    var cut = dialogue()
    for piece in bytes.pieces(cuts) { cut.receive(piece) }
    var bytewise = dialogue()
    bytewise.receive(bytes, .chunks(of: 1))
    var direct = dialogue()
    let size = cuts.first ?? 64
    direct.receive(bytes, .direct(minimum: minimum, limit: size, chunk: size))

    let events = whole.events
    checkEvents(events, maximum, bits)
    expect(cut.events == events, "in pieces of \(cuts): \(cut.events), whole: \(events)")
    expect(bytewise.events == events, "byte by byte: \(bytewise.events), whole: \(events)")
    expect(direct.events == events, "received directly: \(direct.events), whole: \(events)")
    checkRelease(&whole)
    checkRelease(&cut)
    checkRelease(&bytewise)
    checkRelease(&direct)
  }

  private static func checkEvents(_ events: [DialogueEvent], _ maximum: Int, _ bits: UInt8) {
    var hasFailed = false
    for (index, event) in events.enumerated() {
      switch event {
      case .message(let first, let payload):
        expect(!hasFailed, "a message after the end: \(events)")
        expect(first & 0x80 != 0 && first & 0x70 & ~bits == 0, "first byte \(first)")
        // Before it is inflated, a compressed message may be somewhat larger.
        expect(payload.count <= maximum || first & bits != 0, "\(payload.count) > \(maximum)")
        if first == 0x81 {
          expect(String(validating: payload, as: UTF8.self) != nil, "text that is not UTF-8")
        }
      case .ping(let payload), .pong(let payload):
        expect(payload.count <= 125, "a control frame of \(payload.count) bytes")
      case .close(let frame):
        expect(index == events.count - 1, "events after Close: \(events)")
        let count = frame.withPayload { $0.count }
        expect(count <= 125, "a Close frame of \(count) bytes")
      case .violation(let violation):
        expect(violation.description.utf8.count <= 123, "too long for a reason: \(violation)")
        hasFailed = true
      case .leftOver(let count): fatalError("\(count) bytes left over")
      }
    }
  }

  private static func checkRelease<Role>(_ dialogue: inout ConnectionDialogue<Role>) {
    dialogue.releaseAll()
    expect(dialogue.lentCount == 0, "\(dialogue.lentCount) blocks not given back")
  }
}
