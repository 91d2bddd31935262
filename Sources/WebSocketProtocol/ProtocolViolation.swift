// What a peer did wrong: the rule, its section in RFC 6455, and the close code it earns.

/// A breach of the protocol by the peer; it always ends the connection.
public enum ProtocolViolation: Error, Equatable, Sendable {
  /// RSV bits (1 to 7) that no negotiated extension defines.
  case reservedBits(UInt8)
  case reservedOpcode(UInt8)
  /// To a server.
  case unmaskedFrame
  /// To a client.
  case maskedFrame
  case fragmentedControlFrame(Opcode)
  case controlFrameTooLong(Opcode)
  case lengthNotMinimal(Int)
  case lengthAbove63Bits
  /// A continuation frame with no message begun.
  case unexpectedContinuation
  /// A new message inside another.
  case expectedContinuation(Opcode)
  case closePayloadOfOneByte
  case illegalCloseCode(UInt16)
  case invalidUTF8InText
  case invalidUTF8InCloseReason
  /// A message above the limit: not a breach of framing, but the end all the same.
  case messageTooBig(maximumByteCount: Int, byteCount: Int)

  /// What the Close frame says.
  public var closeCode: CloseCode {
    switch self {
    case .invalidUTF8InText, .invalidUTF8InCloseReason: .invalidPayload
    case .messageTooBig: .messageTooBig
    default: .protocolError
    }
  }

  /// Whether frames still follow in which the peer's Close may be: not when the bytes are no frames,
  /// nor after a Close frame, however wrong.
  public var keepsFraming: Bool {
    switch self {
    case .invalidUTF8InText, .messageTooBig, .unexpectedContinuation, .expectedContinuation: true
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
    case .messageTooBig(let maximum, let count): "message of \(count) bytes, limit \(maximum)"
    }
  }
}
