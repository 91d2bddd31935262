// What a peer did wrong: the rule, its section in RFC 6455, and the close code it earns.

/// A breach of the protocol by the peer; it always ends the connection.
public enum ProtocolViolation: Error, Equatable, Sendable {
  /// RSV bits (1 to 7) that no negotiated extension defines.
  case reservedBits(UInt8)
  /// An opcode, 0x3 to 0x7 or 0xB to 0xF, that has no meaning yet (RFC 6455 §5.2).
  case reservedOpcode(UInt8)
  /// A frame to a server without a masking key (RFC 6455 §5.1).
  case unmaskedFrame
  /// A frame to a client with a masking key (RFC 6455 §5.1).
  case maskedFrame
  /// A control frame without FIN (RFC 6455 §5.5).
  case fragmentedControlFrame(Opcode)
  /// A control frame with a payload above 125 bytes (RFC 6455 §5.5).
  case controlFrameTooLong(Opcode)
  /// This length, in bytes, fits a shorter form than it was written in (RFC 6455 §5.2).
  case lengthNotMinimal(Int)
  /// The top bit of a 64-bit length is set (RFC 6455 §5.2).
  case lengthAbove63Bits
  /// A continuation frame with no message begun.
  case unexpectedContinuation
  /// A new message inside another.
  case expectedContinuation(Opcode)
  /// A Close frame with half a code (RFC 6455 §5.5.1).
  case closePayloadOfOneByte
  /// A Close frame with a code that may not be on the wire (RFC 6455 §7.4).
  case illegalCloseCode(UInt16)
  /// A text message that is not UTF-8, whole or as far as it has come (RFC 6455 §8.1).
  case invalidUTF8InText
  /// A Close frame whose reason is not UTF-8 (RFC 6455 §5.5.1).
  case invalidUTF8InCloseReason
  /// A compressed message whose bytes are no deflate data (RFC 7692 §7.2.2).
  case invalidDeflate
  /// A message above the limit: not a breach of framing, but the end all the same.
  case messageTooBig(maximumByteCount: Int, byteCount: Int)
  /// The same, found while a compressed message was inflated: how large it is nobody knows.
  case inflatedMessageTooBig(maximumByteCount: Int)

  /// What the Close frame says.
  public var closeCode: CloseCode {
    switch self {
    case .invalidUTF8InText, .invalidUTF8InCloseReason, .invalidDeflate: .invalidPayload
    case .messageTooBig, .inflatedMessageTooBig: .messageTooBig
    default: .protocolError
    }
  }

  /// Whether frames still follow in which the peer's Close may be: not when the bytes are no
  /// frames, nor after a Close frame, however wrong.
  public var keepsFraming: Bool {
    switch self {
    case .invalidUTF8InText, .invalidDeflate, .messageTooBig, .inflatedMessageTooBig,
      .unexpectedContinuation, .expectedContinuation:
      true
    default: false
    }
  }
}

extension ProtocolViolation: CustomStringConvertible {
  /// The rule in words with its section, short enough for a close reason (123 bytes).
  public var description: String {
    switch self {
    case .reservedBits(let bits): "RSV bits \(bits) without an extension (RFC 6455 5.2)"
    case .reservedOpcode(let opcode): "reserved opcode \(opcode) (RFC 6455 5.2)"
    case .unmaskedFrame: "client frame not masked (RFC 6455 5.1)"
    case .maskedFrame: "server frame masked (RFC 6455 5.1)"
    case .fragmentedControlFrame(let opcode): "fragmented \(opcode) frame (RFC 6455 5.5)"
    case .controlFrameTooLong(let opcode): "\(opcode) frame above 125 bytes (RFC 6455 5.5)"
    case .lengthNotMinimal(let length): "length \(length) not minimally encoded (RFC 6455 5.2)"
    case .lengthAbove63Bits: "length above 63 bits (RFC 6455 5.2)"
    case .unexpectedContinuation: "continuation without a message (RFC 6455 5.4)"
    case .expectedContinuation(let opcode):
      "\(opcode) frame inside a fragmented message (RFC 6455 5.4)"
    case .closePayloadOfOneByte: "close payload of one byte (RFC 6455 5.5.1)"
    case .illegalCloseCode(let code): "close code \(code) (RFC 6455 7.4)"
    case .invalidUTF8InText: "text is not UTF-8 (RFC 6455 8.1)"
    case .invalidUTF8InCloseReason: "close reason is not UTF-8 (RFC 6455 5.5.1)"
    case .invalidDeflate: "compressed message does not inflate (RFC 7692 7.2.2)"
    case .messageTooBig(let maximum, let count): "message of \(count) bytes, limit \(maximum)"
    case .inflatedMessageTooBig(let maximum): "message inflates to more than \(maximum) bytes"
    }
  }
}
