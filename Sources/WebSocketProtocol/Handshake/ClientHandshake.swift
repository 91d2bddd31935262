// The client's side of the opening handshake (RFC 6455 §4.1): the request, and whether the answer
// opens the connection. Tests and the load tool use it; where random keys come from is their
// business.

/// What a server's answer opens.
public struct AcceptedUpgrade: Sendable, Equatable {
  /// One of those offered, or nil.
  public var subprotocol: String?
  /// The extensions in use, each one of those offered, in the server's order.
  public var extensions: [ExtensionOffer]
}

/// Why an answer does not open the connection (RFC 6455 §4.1, the client's validation).
public enum ClientHandshakeError: Error, Sendable, Equatable {
  /// Not HTTP/1.1, in these words.
  case malformedResponse(String)
  /// The head of the response is longer than the limits allow.
  case responseTooLong
  /// The server answered with this status instead of 101.
  case unexpectedStatus(Int)
  /// Upgrade is absent or is not to websocket.
  case upgradeMissing
  /// Connection is absent or does not contain Upgrade.
  case connectionMissing
  /// Sec-WebSocket-Accept is absent, repeated, or does not belong to the key.
  case acceptMismatch
  /// The server chose a subprotocol that was not offered, or more than one.
  case unofferedSubprotocol(String)
  /// The server uses an extension that was not offered.
  case unofferedExtension(String)
}

/// An opening handshake as a client conducts it.
public struct ClientHandshake: Sendable, Equatable {
  /// Path and query, beginning with a slash.
  public var path: String
  /// Host name and, unless it is the scheme's own, port.
  public var host: String
  /// Offered, in order of preference.
  public var subprotocols: [String]
  /// Offered, each as it stands in Sec-WebSocket-Extensions.
  public var extensions: [ExtensionOffer]
  /// Further fields, such as Origin or Authorization.
  public var extraHeaders: [HeaderField]
  private let encodedKey: [UInt8]

  /// A handshake with a key of exactly 16 random bytes, fresh for every connection.
  public init(
    path: String, host: String, key: [UInt8], subprotocols: [String] = [],
    extensions: [ExtensionOffer] = [], extraHeaders: [HeaderField] = []
  ) {
    // RFC 6455 §4.1 item 7: a nonce of 16 bytes, base64-encoded.
    precondition(key.count == 16, "a WebSocket key has 16 bytes")
    // A line end here would let a caller's input forge header fields.
    let texts = [path, host] + subprotocols + extraHeaders.flatMap { [$0.name, $0.value] }
    precondition(
      texts.allSatisfy { !$0.utf8.contains(HTTPSyntax.carriageReturn) }
        && texts.allSatisfy { !$0.utf8.contains(HTTPSyntax.lineFeed) },
      "no line ends in header fields")
    self.path = path
    self.host = host
    self.subprotocols = subprotocols
    self.extensions = extensions
    self.extraHeaders = extraHeaders
    self.encodedKey = Base64.encode(key)
  }

  /// The bytes of the request.
  public func request() -> [UInt8] {
    var head = "GET \(path) HTTP/1.1\r\nHost: \(host)\r\n"
    head += "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    head += "Sec-WebSocket-Key: \(String(decoding: encodedKey, as: UTF8.self))\r\n"
    head += "Sec-WebSocket-Version: 13\r\n"
    if !subprotocols.isEmpty {
      head += "Sec-WebSocket-Protocol: \(subprotocols.joined(separator: ", "))\r\n"
    }
    if !extensions.isEmpty {
      let offers = extensions.map(\.description).joined(separator: ", ")
      head += "Sec-WebSocket-Extensions: \(offers)\r\n"
    }
    for field in extraHeaders { head += "\(field.name): \(field.value)\r\n" }
    return Array((head + "\r\n").utf8)
  }
}

extension ClientHandshake {
  /// Reads the response from all the bytes received so far; nil while more are needed.
  ///
  /// `searchedByteCount` is how many of them the last call saw, 0 at the first. The head has
  /// `byteCount` bytes; what follows them is WebSocket data.
  public func receive(
    _ bytes: UnsafeRawBufferPointer, searchedByteCount: Int,
    limits: HandshakeLimits = HandshakeLimits()
  ) throws(ClientHandshakeError) -> (upgrade: AcceptedUpgrade, byteCount: Int)? {
    let window = bytes.head(limits.maximumRequestByteCount)
    switch HeadEnd.search(window, searchedByteCount: searchedByteCount) {
    case .at(let byteCount):
      return (try check(window.head(byteCount), limits: limits), byteCount)
    case .badLineEnd(let fault): throw .malformedResponse(fault.rule)
    case .notYet:
      if window.count >= limits.maximumRequestByteCount { throw .responseTooLong }
      return nil
    }
  }

  private func check(
    _ bytes: HeadSlice, limits: HandshakeLimits
  ) throws(ClientHandshakeError) -> AcceptedUpgrade {
    var head = ResponseHead()
    do throws(HTTPFault) {
      try head.parse(bytes, limits: limits)
    } catch {
      throw .malformedResponse(error.rule)
    }
    // RFC 6455 §4.1: the client MUST validate the response, in this order.
    guard head.status == 101 else { throw .unexpectedStatus(head.status) }
    guard head.upgradesToWebSocket else { throw .upgradeMissing }
    guard head.connectionUpgrades else { throw .connectionMissing }
    guard head.accept.isPresent, !head.accept.isRepeated,
      AcceptKey(to: encodedKey).isText(head.accept.value)
    else { throw .acceptMismatch }
    for offer in head.extensions where !extensions.contains(where: { $0.name == offer.name }) {
      throw .unofferedExtension(offer.name)
    }
    guard head.subprotocol.isPresent else {
      return AcceptedUpgrade(subprotocol: nil, extensions: head.extensions)
    }
    let subprotocol = head.subprotocol.value.text(
      maximumByteCount: limits.maximumRecordedHeaderByteCount)
    guard !head.subprotocol.isRepeated, subprotocols.contains(subprotocol) else {
      throw .unofferedSubprotocol(subprotocol)
    }
    return AcceptedUpgrade(subprotocol: subprotocol, extensions: head.extensions)
  }
}
