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

  /// The payload on the wire; a reason above 123 bytes is cut at a character.
  public var payload: [UInt8] {
    guard let code else { return [] }
    var bytes = [UInt8(code.rawValue >> 8), UInt8(truncatingIfNeeded: code.rawValue)]
    for scalar in reason.unicodeScalars {
      let encoded = UTF8.encode(scalar).map(Array.init) ?? []
      if bytes.count + encoded.count > FrameHeader.maximumControlPayloadByteCount { break }
      bytes += encoded
    }
    return bytes
  }
}
