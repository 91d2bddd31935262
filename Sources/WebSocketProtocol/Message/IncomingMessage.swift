// What a connection hands out while it reads: whole messages, control frames, violations.

/// The bytes of one receive call that are not consumed yet.
public struct ReceivedBytes {
  /// Where the first of them is.
  public var next: UnsafeMutableRawPointer
  /// Behind the last of them.
  public let end: UnsafeMutableRawPointer

  /// So many bytes from `start` on.
  @inlinable @inline(__always)
  public init(_ start: UnsafeMutableRawPointer, count: Int) {
    self.next = start
    self.end = start + count
  }

  /// How many they are.
  @inlinable @inline(__always)
  public var count: Int { end - next }
}

/// A whole data message, payload still where it arrived.
public struct IncomingMessage {
  /// FIN and the opcode, as a frame that carries the message whole begins.
  public var firstByte: UInt8
  /// Whether the payload was put together in a block: it is unmasked and, if text, valid.
  public var isAssembled: Bool
  /// In wire order; 0 where the payload is unmasked.
  public var maskingKey: UInt32
  /// Where the payload is, masked or not.
  public var payload: UnsafeMutableRawPointer
  /// Bytes of payload, which masking does not change.
  public var byteCount: Int

  /// A message as its frame or its block describes it.
  @inlinable @inline(__always)
  public init(
    firstByte: UInt8, isAssembled: Bool, maskingKey: UInt32, payload: UnsafeMutableRawPointer,
    byteCount: Int
  ) {
    self.firstByte = firstByte
    self.isAssembled = isAssembled
    self.maskingKey = maskingKey
    self.payload = payload
    self.byteCount = byteCount
  }

  /// Whether it is text, which must be UTF-8.
  @inlinable @inline(__always)
  public var isText: Bool { firstByte & 0x0F == Opcode.text.rawValue }

  /// Writes the payload, unmasked, to `destination`, which may be below it in the same memory.
  /// False: it is text and not UTF-8 (RFC 6455 §8.1); what was written means nothing then.
  @inlinable @inline(__always)
  public func copyPayload(to destination: UnsafeMutableRawPointer) -> Bool {
    if isText && !isAssembled {
      return UTF8Validator.isValid(unmasking: payload, byteCount, maskingKey, to: destination)
    }
    _ = Masking.apply(maskingKey, from: payload, count: byteCount, to: destination)
    return true
  }
}

/// The next thing a connection found in the received bytes.
public enum IncomingEvent {
  /// All bytes are consumed.
  case needsMore
  /// A whole message in a block of the pool, to be given back or taken over once relayed.
  case message(IncomingMessage)
  /// The payload, unmasked, valid until the connection is asked for the next event.
  case ping(UnsafeRawBufferPointer)
  /// The unmasked payload of a Pong, asked for or not; valid as long as that of a Ping.
  case pong(UnsafeRawBufferPointer)
  /// The peer's Close frame; nothing behind it is read (RFC 6455 §5.5.1).
  case close(CloseFrame)
  /// The peer broke a rule or a bound; Close with its `closeCode` is to be sent.
  case violation(ProtocolViolation)
}
