// The server's side of the opening handshake (RFC 6455 §4.2): bytes in, a decision and bytes out.
//
// Theory of operation. A call sees all bytes since the connection began. First their very beginning
// is looked at, so that what speaks another protocol learns so at once. Then the end of the head is
// searched, from where the last call stopped. Only a complete head is parsed, once. Whatever
// happens, no more than `maximumRequestByteCount` bytes are looked at.

/// How far an opening handshake has come.
public enum HandshakeProgress: Sendable, Equatable {
  /// More bytes are needed.
  case incomplete
  /// A valid request; its head has `byteCount` bytes, and what follows them is WebSocket data.
  case request(UpgradeRequest, byteCount: Int)
  /// No upgrade: send `response()`, then close.
  case refused(HandshakeRefusal)
}

/// The opening handshake as a server conducts it.
public enum OpeningHandshake {
  /// Reads a request from all the bytes received so far.
  ///
  /// `searchedByteCount` is how many of them the last call saw, 0 at the first: a peer that sends
  /// byte by byte then costs no more than one that does not.
  public static func receive(
    _ bytes: UnsafeRawBufferPointer, searchedByteCount: Int, limits: HandshakeLimits
  ) -> HandshakeProgress {
    let window = bytes.head(limits.maximumRequestByteCount)
    if let fault = RequestBeginning.fault(in: window) {
      return .refused(refusal(fault, of: window, limits: limits))
    }
    // With another method than GET the line alone decides, however much has come behind it.
    let line = RequestBeginning.lineOfOtherMethod(window)
    switch HeadEnd.search(line ?? window, searchedByteCount: searchedByteCount) {
    case .at(let byteCount):
      return decide(window.head(byteCount), limits: limits)
    case .badLineEnd(let fault):
      return .refused(refusal(fault, of: window, limits: limits))
    case .notYet where line != nil:
      return decide(line ?? window, limits: limits)
    case .notYet where window.count >= limits.maximumRequestByteCount:
      // The head cannot end within the limit any more.
      let hasRequestLine = window.contains(HTTPSyntax.lineFeed)
      let rule = hasRequestLine ? "request head" : "request line"
      let fault = HTTPFault(
        hasRequestLine ? 431 : 414, "\(rule) longer than \(limits.maximumRequestByteCount) bytes")
      return .refused(refusal(fault, of: window, limits: limits))
    case .notYet:
      return .incomplete
    }
  }

  private static func decide(_ head: HeadSlice, limits: HandshakeLimits) -> HandshakeProgress {
    var parser = RequestParser(limits: limits)
    do throws(HTTPFault) {
      try parser.parse(head)
      let request = try parser.head.upgradeRequest(limits: limits)
      return .request(request, byteCount: head.count)
    } catch {
      return .refused(parser.head.record(in: HandshakeRefusal(error), limits: limits))
    }
  }

  private static func refusal(
    _ fault: HTTPFault, of bytes: HeadSlice, limits: HandshakeLimits
  ) -> HandshakeRefusal {
    HandshakeRefusal(fault).recording(partialRequest: bytes, limits: limits)
  }

  /// Hands over the 101 answer that opens the connection (RFC 6455 §4.2.2 item 5).
  ///
  /// `subprotocol` is one the request offers; `extensions` is the whole value of the header field.
  public static func withResponse<Result>(
    to request: UpgradeRequest, subprotocol: String?, extensions: String?,
    _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result {
    var negotiated = ""
    if let subprotocol { negotiated += "\r\nSec-WebSocket-Protocol: \(subprotocol)" }
    if let extensions { negotiated += "\r\nSec-WebSocket-Extensions: \(extensions)" }
    negotiated += "\r\n\r\n"
    let opening = UnsafeRawBufferPointer(
      start: switchingProtocols.utf8Start, count: switchingProtocols.utf8CodeUnitCount)
    // By itself: a closure would copy the whole request.
    let key = request.acceptKey.text
    return negotiated.withUTF8 { negotiated in
      let byteCount = opening.count + key.count + negotiated.count
      // On the stack, unless it is above a kibibyte.
      return withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 1) { response in
        response.copyMemory(from: opening)
        withUnsafeBytes(of: key) {
          UnsafeMutableRawBufferPointer(rebasing: response[opening.count...]).copyMemory(from: $0)
        }
        UnsafeMutableRawBufferPointer(rebasing: response[(opening.count + key.count)...])
          .copyMemory(from: UnsafeRawBufferPointer(negotiated))
        return body(UnsafeRawBufferPointer(response))
      }
    }
  }

  /// Up to the value of Sec-WebSocket-Accept.
  private static let switchingProtocols: StaticString = """
    HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept:\u{20}
    """

  /// The server's most preferred subprotocol among those the client offers.
  public static func selectSubprotocol(offered: [String], supported: [String]) -> String? {
    // RFC 6455 §4.2.2 item 5.5: from the client's values, or none; names are case-sensitive.
    supported.first { offered.contains($0) }
  }
}

extension HandshakeRefusal {
  /// The same refusal with what the bytes of an unfinished request tell of path, origin and user
  /// agent.
  public func recording(
    partialRequest bytes: UnsafeRawBufferPointer, limits: HandshakeLimits
  ) -> HandshakeRefusal {
    var parser = RequestParser(limits: limits)
    // The fault is known already; this is only for what was sent before it.
    try? parser.parse(bytes.head(limits.maximumRequestByteCount))
    return parser.head.record(in: self, limits: limits)
  }
}
