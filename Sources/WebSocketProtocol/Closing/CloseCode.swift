// The close codes of RFC 6455 §7.4 and the IANA registry, and which of them may be on the wire.

/// A WebSocket close code: what one endpoint tells the other about why it closes.
public struct CloseCode: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public let rawValue: UInt16

  /// A code by its number, legal or not.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The connection has served its purpose.
  public static let normalClosure = CloseCode(rawValue: 1000)
  /// The endpoint goes away, as a stopping server or a page being left does.
  public static let goingAway = CloseCode(rawValue: 1001)
  /// The peer broke a rule of the protocol.
  public static let protocolError = CloseCode(rawValue: 1002)
  /// The peer sent a kind of data this endpoint does not take, such as binary.
  public static let unsupportedData = CloseCode(rawValue: 1003)
  /// Never on the wire: stands for a Close frame without a code.
  public static let noStatusReceived = CloseCode(rawValue: 1005)
  /// Never on the wire: stands for a connection that ended without a Close frame.
  public static let abnormalClosure = CloseCode(rawValue: 1006)
  /// The payload does not fit the message's type, such as text that is not UTF-8.
  public static let invalidPayload = CloseCode(rawValue: 1007)
  /// A rule of the endpoint was broken for which there is no code of its own.
  public static let policyViolation = CloseCode(rawValue: 1008)
  /// A message is larger than the endpoint takes.
  public static let messageTooBig = CloseCode(rawValue: 1009)
  /// From a client that needs an extension; a server refuses the handshake instead.
  public static let mandatoryExtension = CloseCode(rawValue: 1010)
  /// The server met a condition that keeps it from going on.
  public static let internalError = CloseCode(rawValue: 1011)
  /// The service restarts; clients should come back after a random delay (IANA).
  public static let serviceRestart = CloseCode(rawValue: 1012)
  /// Overload, of the service or of what waits for a slow consumer (IANA).
  public static let tryAgainLater = CloseCode(rawValue: 1013)
  /// A gateway got no valid answer from the server behind it (IANA).
  public static let badGateway = CloseCode(rawValue: 1014)
  /// Never on the wire: stands for a failed TLS handshake.
  public static let tlsHandshake = CloseCode(rawValue: 1015)
  /// The peer has not, or no longer, shown who it is; as HTTP's 401 (IANA).
  public static let unauthorized = CloseCode(rawValue: 3000)
  /// The peer may not do what it asked for; as HTTP's 403 (IANA).
  public static let forbidden = CloseCode(rawValue: 3003)
  /// The peer took too long for what was expected of it; as HTTP's 408 (IANA).
  public static let timeout = CloseCode(rawValue: 3008)

  /// Whether an endpoint may put this code into a Close frame (RFC 6455 §7.4.1, §7.4.2): 1000-1003,
  /// 1007-1014, and 3000-4999. Receiving any other is a protocol error.
  public var isLegalOnTheWire: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }

  /// The registry's name of the code, or what range it belongs to.
  public var name: String {
    switch rawValue {
    case 1000: "Normal Closure"
    case 1001: "Going Away"
    case 1002: "Protocol Error"
    case 1003: "Unsupported Data"
    case 1004: "Reserved"
    case 1005: "No Status Received"
    case 1006: "Abnormal Closure"
    case 1007: "Invalid Payload"
    case 1008: "Policy Violation"
    case 1009: "Message Too Big"
    case 1010: "Mandatory Extension"
    case 1011: "Internal Error"
    case 1012: "Service Restart"
    case 1013: "Try Again Later"
    case 1014: "Bad Gateway"
    case 1015: "TLS Handshake"
    case 3000: "Unauthorized"
    case 3003: "Forbidden"
    case 3008: "Timeout"
    case 3000...3999: "Registered"
    case 4000...4999: "Private Use"
    default: "Unassigned"
    }
  }
}
