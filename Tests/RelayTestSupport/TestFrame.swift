// Frames as bytes, for tests: lawful ones in a word, unlawful ones by changing a field. Written
// from the diagram in RFC 6455 §5.2, not with the code under test.

import WebSocketProtocol

/// One frame to be put on the wire by either role.
package struct TestFrame: Equatable, Sendable {
  /// How the payload length is written (RFC 6455 §5.2).
  package enum LengthForm: Sendable {
    /// As short as it goes, which is the only lawful way.
    case minimal
    case sixteenBits
    case sixtyFourBits
  }

  package var isFinal = true
  /// RSV1, RSV2 and RSV3 as a number of three bits: RSV1 is 4.
  package var reservedBits: UInt8 = 0
  /// Four bits, reserved opcodes among them.
  package var opcode: UInt8
  package var payload: [UInt8]
  package var maskingKey: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
  /// nil: masked if the sender is a client.
  package var isMasked: Bool?
  package var lengthForm = LengthForm.minimal
  /// What the header says instead of the number of payload bytes.
  package var declaredByteCount: UInt64?

  /// A final frame of any opcode.
  package init(opcode: UInt8, _ payload: [UInt8] = []) {
    self.opcode = opcode
    self.payload = payload
  }

  /// A copy with some fields changed.
  package func with(_ change: (inout TestFrame) -> Void) -> TestFrame {
    var copy = self
    change(&copy)
    return copy
  }

  /// A copy without FIN: more fragments follow.
  package var notFinal: TestFrame { with { $0.isFinal = false } }

  /// The bytes of the frame when it is sent to an endpoint of `role`.
  package func bytes<Role: EndpointRole>(to role: Role.Type) -> [UInt8] {
    let isMasked = self.isMasked ?? Role.receivesMaskedFrames
    let count = declaredByteCount ?? UInt64(payload.count)
    var bytes = [(isFinal ? 0x80 : 0) | reservedBits << 4 | opcode]
    let maskBit: UInt8 = isMasked ? 0x80 : 0
    switch (lengthForm, count) {
    case (.minimal, ..<126): bytes.append(maskBit | UInt8(count))
    case (.sixteenBits, _), (.minimal, ..<65_536):
      bytes += [maskBit | 126] + Self.networkOrder(count, byteCount: 2)
    default: bytes += [maskBit | 127] + Self.networkOrder(count, byteCount: 8)
    }
    guard isMasked else { return bytes + payload }
    // RFC 6455 §5.3: octet i is XORed with octet i modulo 4 of the key.
    return bytes + maskingKey
      + payload.enumerated().map { index, byte in byte ^ maskingKey[index % 4] }
  }

  private static func networkOrder(_ value: UInt64, byteCount: Int) -> [UInt8] {
    (0..<byteCount).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }
}

// MARK: - Lawful frames

extension TestFrame {
  /// A whole text message.
  package static func text(_ text: String) -> TestFrame { .text(Array(text.utf8)) }

  /// A whole text message of bytes that may be no text.
  package static func text(_ payload: [UInt8]) -> TestFrame { TestFrame(opcode: 0x1, payload) }

  /// A whole binary message.
  package static func binary(_ payload: [UInt8]) -> TestFrame { TestFrame(opcode: 0x2, payload) }

  /// The last fragment of a message.
  package static func continuation(_ payload: [UInt8]) -> TestFrame {
    TestFrame(opcode: 0x0, payload)
  }

  package static func ping(_ payload: [UInt8] = []) -> TestFrame {
    TestFrame(opcode: 0x9, payload)
  }

  package static func pong(_ payload: [UInt8] = []) -> TestFrame {
    TestFrame(opcode: 0xA, payload)
  }

  /// A Close frame with whatever payload.
  package static func close(_ payload: [UInt8] = []) -> TestFrame {
    TestFrame(opcode: 0x8, payload)
  }

  /// A Close frame with a code and a reason.
  package static func close(_ code: UInt16, _ reason: String = "") -> TestFrame {
    .close([UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
  }

  /// A message in fragments, one for each payload; empty only for no payload at all.
  package static func fragments(opcode: UInt8, _ payloads: [[UInt8]]) -> [TestFrame] {
    payloads.enumerated().map { index, payload in
      TestFrame(opcode: index == 0 ? opcode : 0x0, payload)
        .with { $0.isFinal = index == payloads.count - 1 }
    }
  }
}

extension Sequence<TestFrame> {
  /// The bytes of all frames, one after the other.
  package func bytes<Role: EndpointRole>(to role: Role.Type) -> [UInt8] {
    flatMap { $0.bytes(to: role) }
  }
}
