// The opcodes of RFC 6455 §5.2.

/// What a frame carries.
public enum Opcode: UInt8, Sendable {
  /// A further fragment of the message in progress (RFC 6455 §5.4).
  case continuation = 0x0
  /// A message, or its first fragment, that must be UTF-8 as a whole (RFC 6455 §5.6).
  case text = 0x1
  /// A message, or its first fragment, of bytes with a meaning of the applications' own.
  case binary = 0x2
  /// The last frame its sender sends (RFC 6455 §5.5.1).
  case close = 0x8
  /// Asks for a Pong with the same payload (RFC 6455 §5.5.2).
  case ping = 0x9
  /// Answers the latest Ping, or comes unasked and needs no answer (RFC 6455 §5.5.3).
  case pong = 0xA

  /// Control frames are never fragmented and carry at most 125 bytes (RFC 6455 §5.5).
  public var isControl: Bool { rawValue & 0x8 != 0 }
}
