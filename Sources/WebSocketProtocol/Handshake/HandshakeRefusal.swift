// The HTTP answers before the upgrade: which there are, and their bytes. Each ends the connection.

/// An opening handshake that is refused, with the HTTP answer and what a record needs.
public struct HandshakeRefusal: Error, Sendable, Equatable {
  /// The HTTP status of the answer.
  public var status: Int
  /// The rule that refused it, in words an operator understands; also the body of the answer.
  public var rule: String
  /// Fields the answer has besides Connection, Content-Type and Content-Length.
  public var extraHeaders: [HeaderField]
  /// The path without its query as far as it is known, capped; not escaped.
  public var path = ""
  /// The Origin as far as it is known, capped; not escaped.
  public var origin = ""
  /// The User-Agent as far as it is known, capped; not escaped.
  public var userAgent = ""

  /// A refusal by status and rule; statuses that demand a header field bring it along.
  public init(status: Int, rule: String, extraHeaders: [HeaderField] = []) {
    self.status = status
    self.rule = rule
    self.extraHeaders = extraHeaders + Self.requiredHeaders(of: status)
  }

  init(_ fault: HTTPFault) { self.init(status: fault.status, rule: fault.rule) }

  private static func requiredHeaders(of status: Int) -> [HeaderField] {
    switch status {
    // RFC 9110 §15.5.6: a 405 MUST say which methods are allowed.
    case 405: [HeaderField("Allow", "GET")]
    // RFC 9110 §15.5.22: a 426 MUST say what to upgrade to, and §7.8: name it in Connection.
    // RFC 6455 §4.2.2: and which versions of the protocol the server speaks.
    case 426:
      [
        HeaderField("Upgrade", "websocket"), HeaderField("Connection", "Upgrade"),
        HeaderField("Sec-WebSocket-Version", "13"),
      ]
    default: []
    }
  }
}

// What the relay decides about a valid request.
extension HandshakeRefusal {
  /// No route serves the path.
  public static func noRoute(path: String) -> HandshakeRefusal {
    var refusal = HandshakeRefusal(status: 404, rule: "no route for this path")
    refusal.path = path
    return refusal
  }

  /// The route does not allow the request's Origin (RFC 6455 §4.2.2, §10.2).
  public static var originRefused: HandshakeRefusal {
    HandshakeRefusal(status: 403, rule: "origin not allowed on this route")
  }

  /// The route demands a subprotocol and the client offers none of its own.
  public static var noCommonSubprotocol: HandshakeRefusal {
    HandshakeRefusal(status: 400, rule: "none of the route's subprotocols is offered")
  }

  /// The relay has as many connections as it may have.
  public static func tooManyConnections(retryAfter: Duration) -> HandshakeRefusal {
    HandshakeRefusal(
      status: 503, rule: "too many connections", extraHeaders: [.retryAfter(retryAfter)])
  }

  /// The relay gives up what it holds of the request, to have memory for others.
  public static func shortOfMemory(retryAfter: Duration) -> HandshakeRefusal {
    HandshakeRefusal(
      status: 503, rule: "short of memory", extraHeaders: [.retryAfter(retryAfter)])
  }

  /// The relay is stopping or restarting.
  public static func draining(retryAfter: Duration) -> HandshakeRefusal {
    HandshakeRefusal(
      status: 503, rule: "the service is draining", extraHeaders: [.retryAfter(retryAfter)])
  }

  /// The peer's address has as many connections as one peer may have.
  public static var tooManyConnectionsFromPeer: HandshakeRefusal {
    HandshakeRefusal(status: 429, rule: "too many connections from this address")
  }

  /// The request was not complete in time.
  public static var timedOut: HandshakeRefusal {
    HandshakeRefusal(status: 408, rule: "the request was not complete in time")
  }

  /// The same refusal with path, origin and user agent of the request it answers.
  public func recording(_ request: UpgradeRequest) -> HandshakeRefusal {
    var refusal = self
    refusal.path = request.path
    refusal.origin = request.origin
    refusal.userAgent = request.userAgent
    return refusal
  }
}

// The answer on the wire.
extension HandshakeRefusal {
  /// The complete HTTP/1.1 answer, head and body; the connection must be closed after it.
  public func response() -> [UInt8] {
    let body = rule + "\n"
    var head = "HTTP/1.1 \(status) \(reasonPhrase)\r\n"
    // RFC 9112 §9.6: a server that will close says so.
    head += "Connection: close\r\n"
    head += "Content-Type: text/plain; charset=utf-8\r\n"
    head += "Content-Length: \(body.utf8.count)\r\n"
    for field in extraHeaders { head += "\(field.name): \(field.value)\r\n" }
    head += "\r\n"
    return Array(head.utf8) + Array(body.utf8)
  }

  private var reasonPhrase: String {
    switch status {
    case 400: "Bad Request"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 414: "URI Too Long"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Refused"
    }
  }
}

extension HeaderField {
  /// Retry-After (RFC 9110 §10.2.3) in whole seconds, rounded up, at least 0.
  fileprivate static func retryAfter(_ delay: Duration) -> HeaderField {
    let (seconds, attoseconds) = delay.components
    let rounded = attoseconds > 0 && seconds < .max ? seconds + 1 : seconds
    return HeaderField("Retry-After", String(max(0, rounded)))
  }
}
