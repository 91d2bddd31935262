// The first bytes of a connection: whether they can be the beginning of a GET at all. Peers that
// speak another protocol would otherwise wait for the handshake's deadline, and operators would not
// learn what they speak.

/// Recognises what is not an HTTP request, from as few bytes as it takes.
enum RequestBeginning {
  /// No registered HTTP method is longer than half of this.
  private static let maximumMethodByteCount = 32

  /// What is wrong with the beginning of a request, or nil while it may be one.
  static func fault(in bytes: HeadSlice) -> HTTPFault? {
    if bytes.hasPrefix("GET ") || bytes.isEmpty { return nil }
    let method = bytes.prefix { HTTPSyntax.isTokenByte($0) }
    if method.count > maximumMethodByteCount { return HTTPFault(400, "not an HTTP request") }
    guard method.count < bytes.count else { return nil }
    guard !method.isEmpty, bytes[method.count] == HTTPSyntax.space else {
      return faultOfForeignBytes(bytes)
    }
    if bytes.hasPrefix("PROXY ") { return unexpectedProxyHeader }
    // RFC 9113 §3.4: the connection preface of HTTP/2 with prior knowledge.
    if bytes.hasPrefix("PRI ") { return HTTPFault(505, "HTTP/2 on an HTTP/1.1 listener") }
    // Any other method: the complete request line tells which, and the path for the record.
    return nil
  }

  /// Whether a complete request line begins with a method that is not GET.
  static func isLineOfOtherMethod(_ bytes: HeadSlice) -> Bool {
    guard let first = bytes.first, HTTPSyntax.isTokenByte(first), !bytes.hasPrefix("GET ") else {
      return false
    }
    return bytes.contains(HTTPSyntax.lineFeed)
  }

  private static let unexpectedProxyHeader = HTTPFault(
    400, "PROXY protocol header on a listener without proxy_protocol")

  private static func faultOfForeignBytes(_ bytes: HeadSlice) -> HTTPFault? {
    switch bytes.first {
    case 0x16:
      // RFC 8446 §5.1: a handshake record, then legacy_record_version 3.x.
      if bytes.count < 2 { return nil }
      if bytes[1] == 3 { return HTTPFault(400, "TLS ClientHello on a plain listener") }
    case HTTPSyntax.carriageReturn:
      // The binary PROXY protocol header begins like two empty lines; its fifth byte is NUL.
      if bytes.count < 5, bytes.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) { return nil }
      if bytes.count > 4, bytes[4] == 0 {
        return unexpectedProxyHeader
      }
      return HTTPFault(400, "empty line in place of the request line")
    default: break
    }
    return HTTPFault(400, "not an HTTP request")
  }
}
