// What a connection hands out while it reads: whole messages, control frames, violations.

/// The bytes of one receive call that are not consumed yet.
package struct ReceivedBytes {
  package var next: UnsafeMutableRawPointer
  package let end: UnsafeMutableRawPointer

  @inline(__always)
  package init(_ start: UnsafeMutableRawPointer, count: Int) {
    self.next = start
    self.end = start + count
  }

  @inline(__always)
  package var count: Int { end - next }
}

/// A whole data message, payload still where it arrived.
package struct IncomingMessage {
  /// FIN and the opcode, as a frame that carries the message whole begins.
  package var firstByte: UInt8
  /// Whether the payload was put together in a block: it is unmasked and, if text, valid.
  package var isAssembled: Bool
  package var maskingKey: UInt32
  package var payload: UnsafeMutableRawPointer
  package var byteCount: Int

  @inline(__always)
  package init(
    firstByte: UInt8, isAssembled: Bool, maskingKey: UInt32, payload: UnsafeMutableRawPointer,
    byteCount: Int
  ) {
    self.firstByte = firstByte
    self.isAssembled = isAssembled
    self.maskingKey = maskingKey
    self.payload = payload
    self.byteCount = byteCount
  }

  @inline(__always)
  package var isText: Bool { firstByte & 0x0F == Opcode.text.rawValue }

  /// Writes the payload, unmasked, to `destination`, which may be below it in the same memory.
  /// False: it is text and not UTF-8 (RFC 6455 §8.1); what was written means nothing then.
  @inline(__always)
  package func copyPayload(to destination: UnsafeMutableRawPointer) -> Bool {
    let highBits = Masking.apply(maskingKey, from: payload, count: byteCount, to: destination)
    if highBits == 0 || isAssembled || !isText { return true }
    return UTF8Validator.isValid(destination, byteCount)
  }
}

/// The next thing a connection found in the received bytes.
package enum IncomingEvent {
  /// All bytes are consumed.
  case needsMore
  case message(IncomingMessage)
  /// The payload, unmasked, valid until the connection is asked for the next event.
  case ping(UnsafeRawBufferPointer)
  case pong(UnsafeRawBufferPointer)
  case close(CloseFrame)
  case violation(ProtocolViolation)
}
