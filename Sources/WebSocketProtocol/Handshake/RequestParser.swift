// Reads a request head: the request line (RFC 9112 §3) and its target (§3.2), then field by field.
// It does not look for the end of the head (HeadEnd) and decides nothing (RequestHead).

/// Fills a `RequestHead` from the bytes of a head, as far as it gets.
struct RequestParser {
  let limits: HandshakeLimits
  private(set) var head = RequestHead()

  init(limits: HandshakeLimits) { self.limits = limits }

  /// Reads all lines; what was read before a fault stays in `head`.
  mutating func parse(_ bytes: HeadSlice) throws(HTTPFault) {
    var lines = HeadLines(bytes)
    guard let requestLine = lines.next() else {
      throw HTTPFault(400, "empty line in place of the request line")
    }
    try parseRequestLine(requestLine)
    while let line = lines.next() {
      try head.take(FieldLine(line), limits: limits)
    }
  }

  private mutating func parseRequestLine(_ line: HeadSlice) throws(HTTPFault) {
    // RFC 9112 §3: method SP request-target SP HTTP-version, with single spaces.
    guard let methodEnd = line.firstIndex(of: HTTPSyntax.space) else {
      throw HTTPFault(400, "malformed request line")
    }
    let afterMethod = line.slice(methodEnd + 1..<line.count)
    guard let targetEnd = afterMethod.firstIndex(of: HTTPSyntax.space) else {
      throw HTTPFault(400, "request line without an HTTP version")
    }
    let target = afterMethod.head(targetEnd)
    // Known before anything is checked, so that the record of a refusal has it.
    head.path = target.head(target.firstIndex(of: UInt8(ascii: "?")) ?? target.count)
    try checkVersion(afterMethod.slice(targetEnd + 1..<afterMethod.count))
    // RFC 6455 §4.2.1 item 1: GET, and methods are case-sensitive (RFC 9110 §9.1).
    let method = line.head(methodEnd)
    guard method.isText("GET") else {
      guard HTTPSyntax.isToken(method) else { throw HTTPFault(400, "malformed request line") }
      throw HTTPFault(405, "method is \(method.text(maximumByteCount: 32)), only GET can upgrade")
    }
    try parseTarget(target)
  }

  private func checkVersion(_ version: HeadSlice) throws(HTTPFault) {
    // RFC 9112 §2.3: "HTTP/" DIGIT "." DIGIT, in upper case.
    guard version.count == 8, version.hasPrefix("HTTP/"), HTTPSyntax.isDigit(version[5]),
      version[6] == UInt8(ascii: "."), HTTPSyntax.isDigit(version[7])
    else { throw HTTPFault(400, "malformed HTTP version in the request line") }
    // RFC 6455 §4.2.1 item 1: HTTP/1.1 or higher; the upgrade exists in major version 1 only.
    guard version[5] == UInt8(ascii: "1") else {
      throw HTTPFault(505, "HTTP version is not 1.1")
    }
    guard version[7] != UInt8(ascii: "0") else {
      throw HTTPFault(505, "HTTP/1.0 cannot upgrade; a proxy in front must speak HTTP/1.1")
    }
  }

  // RFC 6455 §4.2.1 item 1, RFC 9112 §3.2: origin-form, or absolute-form as through a proxy.
  private mutating func parseTarget(_ target: HeadSlice) throws(HTTPFault) {
    guard !target.isEmpty else { throw HTTPFault(400, "request line without a target") }
    guard target.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw HTTPFault(400, "request target is not printable ASCII")
    }
    // RFC 6455 §3: fragment identifiers MUST NOT be used.
    guard !target.contains(UInt8(ascii: "#")) else {
      throw HTTPFault(400, "request target with a fragment")
    }
    var pathAndQuery = target
    if target.first != UInt8(ascii: "/") { pathAndQuery = try Self.pathAndQuery(of: target) }
    let pathEnd = pathAndQuery.firstIndex(of: UInt8(ascii: "?")) ?? pathAndQuery.count
    head.path = pathAndQuery.head(pathEnd)
    head.query = pathAndQuery.slice(min(pathEnd + 1, pathAndQuery.count)..<pathAndQuery.count)
    guard head.path.count <= limits.maximumPathByteCount else {
      throw HTTPFault(414, "path longer than \(limits.maximumPathByteCount) bytes")
    }
    guard Self.isPath(head.path) else {
      throw HTTPFault(400, "path with a character that must be percent-encoded")
    }
  }

  /// The path and query of an absolute target.
  private static func pathAndQuery(of target: HeadSlice) throws(HTTPFault) -> HeadSlice {
    guard let colon = target.firstIndex(of: UInt8(ascii: ":")),
      target.slice(colon..<target.count).hasPrefix("://")
    else {
      // RFC 9112 §3.2.3, §3.2.4: authority-form is for CONNECT, asterisk-form for OPTIONS.
      throw HTTPFault(400, "request target is neither a path nor an absolute URI")
    }
    let scheme = target.head(colon)
    // RFC 6455 §3: ws and wss resources; §4.1 item 2 puts them into the request as http and https.
    guard
      scheme.isTextIgnoringCase("http") || scheme.isTextIgnoringCase("https")
        || scheme.isTextIgnoringCase("ws") || scheme.isTextIgnoringCase("wss")
    else { throw HTTPFault(400, "request target with a scheme other than http, https, ws, wss") }
    let rest = target.slice(colon + 3..<target.count)
    let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.count
    // RFC 9112 §3.2.2: the authority of the target replaces Host; routes ask for neither.
    guard Authority.isValid(rest.head(end)) else {
      throw HTTPFault(400, "request target without a valid host name and port")
    }
    return rest.slice(end..<rest.count)
  }

  // RFC 3986 §3.3, and what browsers leave as it is; none of what they always encode.
  private static func isPath(_ path: HeadSlice) -> Bool {
    for (index, byte) in path.enumerated() {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"),
        UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "}"):
        return false
      case UInt8(ascii: "%"):
        let digits = path.slice(index + 1..<min(index + 3, path.count))
        guard digits.count == 2, digits.allSatisfy(HTTPSyntax.isHexDigit) else { return false }
      default: break
      }
    }
    return true
  }
}

/// Host and port as RFC 3986 §3.2 writes them.
enum Authority {
  /// Whether the text is a non-empty host with an optional port, without user information.
  static func isValid(_ text: HeadSlice) -> Bool {
    guard text.count <= HandshakeLimits.maximumHostByteCount else { return false }
    let hostEnd: Int
    if text.first == UInt8(ascii: "[") {
      guard let bracket = text.firstIndex(of: UInt8(ascii: "]")), bracket > 1 else { return false }
      guard text.slice(1..<bracket).allSatisfy(isAddressByte) else { return false }
      hostEnd = bracket + 1
    } else {
      hostEnd = text.firstIndex(of: UInt8(ascii: ":")) ?? text.count
      guard hostEnd > 0, text.head(hostEnd).allSatisfy(isNameByte) else { return false }
    }
    let port = text.slice(hostEnd..<text.count)
    return port.isEmpty
      || port.count <= 6 && port[0] == UInt8(ascii: ":")
        && port.dropFirst().allSatisfy(HTTPSyntax.isDigit)
  }

  private static func isAddressByte(_ byte: UInt8) -> Bool {
    HTTPSyntax.isHexDigit(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
  }

  // RFC 3986 §3.2.2: unreserved, sub-delims and percent-encoded. Of those, a quote and the like
  // occur in no host name and end up in other people's log lines and pages.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    HTTPSyntax.isTokenByte(byte) && byte != UInt8(ascii: "#") && byte != UInt8(ascii: "^")
      && byte != UInt8(ascii: "`") && byte != UInt8(ascii: "|") && byte != UInt8(ascii: "'")
  }
}
