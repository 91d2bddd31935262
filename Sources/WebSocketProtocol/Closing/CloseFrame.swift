// The payload of a Close frame (RFC 6455 §5.5.1): a code and a reason, or nothing.

/// What a Close frame says.
public struct CloseFrame: Equatable, Sendable {
  /// nil: the frame has no payload.
  public var code: CloseCode?
  /// UTF-8, at most 123 bytes.
  public var reason: String

  /// A frame to send; without a code there is no payload, so the reason is not sent either.
  public init(code: CloseCode?, reason: String = "") {
    self.code = code
    self.reason = reason
  }

  /// The largest reason: a control frame's 125 bytes less the code.
  public static let maximumReasonByteCount = 123

  /// Reads the unmasked payload of a Close frame.
  public init(payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
    guard payload.count > 0, let base = payload.baseAddress else {
      self.init(code: nil)
      return
    }
    // RFC 6455 §5.5.1: if there is a body, the first two bytes MUST be the code.
    guard payload.count >= 2 else { throw .closePayloadOfOneByte }
    let code = CloseCode(rawValue: UInt16(bigEndian: base.loadUnaligned(as: UInt16.self)))
    guard code.isLegalOnTheWire else { throw .illegalCloseCode(code.rawValue) }
    let text = UnsafeRawBufferPointer(rebasing: payload[2...])
    if let start = text.baseAddress, !UTF8Validator.isValid(start, text.count) {
      throw .invalidUTF8InCloseReason
    }
    self.init(code: code, reason: String(decoding: text, as: UTF8.self))
  }

  /// Calls `body` with the payload on the wire, which is gone when it returns; a reason above 123
  /// bytes is cut at a character.
  public func withPayload<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let capacity = FrameHeader.maximumControlPayloadByteCount
    return withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { bytes in
      guard let code else { return body(UnsafeRawBufferPointer(rebasing: bytes[..<0])) }
      bytes[0] = UInt8(code.rawValue >> 8)
      bytes[1] = UInt8(truncatingIfNeeded: code.rawValue)
      var count = 2
      for scalar in reason.unicodeScalars {
        guard let encoded = UTF8.encode(scalar), count + encoded.count <= capacity else { break }
        for byte in encoded {
          bytes[count] = byte
          count += 1
        }
      }
      return body(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    }
  }
}
