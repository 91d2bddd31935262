// Sec-WebSocket-Accept (RFC 6455 §4.2.2): what proves that the other end read the key as a
// WebSocket endpoint does, and is not an HTTP server that was tricked into answering.

/// Computes the answer to a `Sec-WebSocket-Key`.
public enum AcceptKey {
  /// The accept value for a key as it stood in the header field: 28 ASCII bytes.
  public static func accept(forKey key: UnsafeRawBufferPointer) -> [UInt8] {
    // RFC 6455 §1.3: the key as text, not decoded, and then this very text.
    let digest = ("258EAFA5-E914-47DA-95CA-C5AB0DC85B11" as StaticString).withUTF8Buffer { suffix in
      withUnsafeTemporaryAllocation(byteCount: key.count + suffix.count, alignment: 8) { text in
        text.copyMemory(from: key)
        UnsafeMutableRawBufferPointer(rebasing: text[key.count...])
          .copyMemory(from: UnsafeRawBufferPointer(suffix))
        return SHA1.digest(of: UnsafeRawBufferPointer(text))
      }
    }
    return withUnsafeBytes(of: digest) { Base64.encode($0) }
  }

  /// Likewise, of a key that is kept as an array.
  public static func accept(forKey key: [UInt8]) -> [UInt8] {
    key.withUnsafeBytes { accept(forKey: $0) }
  }
}
