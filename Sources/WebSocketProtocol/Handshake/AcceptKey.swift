// Sec-WebSocket-Accept (RFC 6455 §4.2.2): what proves that the other end read the key as a
// WebSocket endpoint does, and is not an HTTP server that was tricked into answering.

/// The answer to a `Sec-WebSocket-Key`.
public struct AcceptKey: Sendable, Equatable {
  /// The value of the header field: a digest of 20 bytes in base64, which is ASCII.
  public let text: InlineArray<28, UInt8>

  /// The answer to a key as it stood in the header field.
  public init(to key: UnsafeRawBufferPointer) {
    // RFC 6455 §1.3: the key as text, not decoded, and then this very text.
    let digest = ("258EAFA5-E914-47DA-95CA-C5AB0DC85B11" as StaticString).withUTF8Buffer { suffix in
      withUnsafeTemporaryAllocation(byteCount: key.count + suffix.count, alignment: 8) { text in
        text.copyMemory(from: key)
        UnsafeMutableRawBufferPointer(rebasing: text[key.count...])
          .copyMemory(from: UnsafeRawBufferPointer(suffix))
        return SHA1.digest(of: UnsafeRawBufferPointer(text))
      }
    }
    var text = InlineArray<28, UInt8>(repeating: 0)
    withUnsafeBytes(of: digest) { digest in
      withUnsafeMutableBytes(of: &text) { Base64.encode(digest, to: $0) }
    }
    self.text = text
  }

  /// Likewise, of a key that is kept as an array.
  public init(to key: [UInt8]) {
    self = key.withUnsafeBytes { AcceptKey(to: $0) }
  }

  /// Whether these bytes of a header field are the answer.
  func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    withUnsafeBytes(of: text) { bytes.isSame(as: $0) }
  }

  /// Whether both are the same text.
  public static func == (a: AcceptKey, b: AcceptKey) -> Bool {
    withUnsafeBytes(of: a.text) { b.isText($0) }
  }
}
