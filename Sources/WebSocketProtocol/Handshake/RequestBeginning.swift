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

  /// The complete request line, its end included, if it begins with a method that is not GET.
  static func lineOfOtherMethod(_ bytes: HeadSlice) -> HeadSlice? {
    guard let first = bytes.first, HTTPSyntax.isTokenByte(first), !bytes.hasPrefix("GET ") else {
      return nil
    }
    return bytes.firstIndex(of: HTTPSyntax.lineFeed).map { bytes.head($0 + 1) }
  }

  /// The binary PROXY protocol header begins like two empty lines; its fifth byte is NUL.
  private static let binaryProxyBeginning: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00]
  private static let unexpectedProxyHeader = HTTPFault(
    400, "PROXY protocol header on a listener without proxy_protocol")

  private static func faultOfForeignBytes(_ bytes: HeadSlice) -> HTTPFault? {
    switch bytes.first {
    case 0x16:
      // RFC 8446 §5.1: a handshake record, then legacy_record_version 3.x.
      if bytes.count < 2 { return nil }
      if bytes[1] == 3 { return HTTPFault(400, "TLS ClientHello on a plain listener") }
    case HTTPSyntax.carriageReturn:
      let beginning = bytes.prefix(binaryProxyBeginning.count)
      if beginning.elementsEqual(binaryProxyBeginning.prefix(beginning.count)) {
        return beginning.count < binaryProxyBeginning.count ? nil : unexpectedProxyHeader
      }
      return HTTPFault(400, "empty line in place of the request line")
    default: break
    }
    return HTTPFault(400, "not an HTTP request")
  }
}
