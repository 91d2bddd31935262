// The record of one finished connection. The one exit of a session makes it; a recorder that the
// engine was started with turns it into a journal entry. Names of fields: docs/close-events.md.

import WebSocketProtocol

/// Everything the relay knows of a connection that has ended.
///
/// Text from the peer (reasons, path, origin, user agent) is as it came, capped by `Limits` but not
/// escaped: whoever prints it must escape it. Durations are microseconds.
public struct ClosedConnection: Sendable, Equatable {
  /// Unique over restarts; shown as 16 hexadecimal digits.
  public var connectionID: UInt64
  package var cause: CloseCause
  /// The rule, the limit and the value, such as `max_message_size=65536 got=70000`; empty if none.
  public var detail: String
  package var phase: ConnectionPhase
  /// The system's error number behind the end, 0 if none.
  public var errno: Int32

  /// The code of the Close frame the relay sent; nil if it sent none. 1005 stands for one without.
  public var codeSent: CloseCode?
  /// The code of the Close frame the peer sent; nil if it sent none. 1005 stands for one without.
  public var codeReceived: CloseCode?
  package var reasonSent: String
  package var reasonReceived: String
  package var order: CloseOrder
  /// Close frames both ways, and TCP ended by FIN (RFC 6455 §7.1.4).
  public var isClean: Bool

  /// The configured path pattern; empty if no route was reached.
  public var route: String
  /// The concrete path of a broadcast channel; empty on echo routes.
  public var channel: String
  package var listener: String
  package var peer: PeerAddress
  /// The proxy in front, when the peer's address came from it.
  public var via: PeerAddress?
  package var path: String
  package var origin: String
  package var subprotocol: String
  package var userAgent: String

  package var duration: UInt64
  /// Since the last byte from the peer.
  public var idle: UInt64
  package var pingRoundTrip: UInt64?
  package var receivedMessageCount: UInt64
  package var receivedByteCount: UInt64
  package var sentMessageCount: UInt64
  package var sentByteCount: UInt64
  package var droppedMessageCount: UInt64
  package var unsentByteCount: UInt64
  /// `TCP_INFO` at the close, for abnormal ends.
  public var tcpRetransmitCount: UInt32?
  package var tcpRoundTrip: UInt32?

  /// The code that sums the end up: the peer's, else the relay's, else 1006, or 1015 for TLS.
  public var effectiveCode: CloseCode {
    codeReceived ?? codeSent ?? (cause == .tlsFailure ? .tlsHandshake : .abnormalClosure)
  }
}

/// Which Close frame was first.
public enum CloseOrder: String, Sendable {
  case sentFirst = "sent-first"
  case receivedFirst = "received-first"
  case none
}

/// A handshake the relay refused with an HTTP answer.
public struct RefusedHandshake: Sendable, Equatable {
  package var connectionID: UInt64
  /// The HTTP status of the answer.
  public var status: Int
  /// The rule that refused it, in words an operator understands.
  public var rule: String
  package var listener: String
  package var peer: PeerAddress
  package var via: PeerAddress?
  package var path: String
  package var origin: String
  package var userAgent: String
  /// From accept to the answer, in microseconds.
  public var duration: UInt64
}

/// What a shard reports to whoever keeps the records; each value leaves its worker at once.
public enum ConnectionEvent: Sendable, Equatable {
  case opened(OpenedConnection)
  case closed(ClosedConnection)
  case refused(RefusedHandshake)
}

/// A completed opening handshake; reported only when asked for (`log.level = "debug"`).
public struct OpenedConnection: Sendable, Equatable {
  package var connectionID: UInt64
  package var route: String
  package var listener: String
  package var peer: PeerAddress
  package var path: String
  package var origin: String
  package var subprotocol: String
  package var userAgent: String
}
