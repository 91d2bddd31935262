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
  /// Why it ended, as whoever first noticed the end named it; later causes are ignored.
  public var cause: CloseCause
  /// Who began the end: as the cause says, but for TLS, which either end may give up.
  public var initiator: CloseInitiator
  /// The rule, the limit and the value, such as `max_message_size=65536 got=70000`; empty if none.
  public var detail: String
  /// How far the connection had come when the cause was named.
  public var phase: ConnectionPhase
  /// The system's error number behind the end, 0 if none.
  public var errno: Int32

  /// The code of the Close frame the relay sent; nil if it sent none. 1005 stands for one without.
  public var codeSent: CloseCode?
  /// The code of the Close frame the peer sent; nil if it sent none. 1005 stands for one without.
  public var codeReceived: CloseCode?
  /// The reason the relay gave, before its Close frame cut it to 123 bytes; empty if none.
  public var reasonSent: String
  /// The reason in the peer's Close frame: UTF-8 of at most 123 bytes; empty if none.
  public var reasonReceived: String
  /// Whose Close frame came first; both ends may send theirs at once (RFC 6455 §1.4).
  public var order: CloseOrder
  /// Close frames both ways, and TCP ended by FIN (RFC 6455 §7.1.4).
  public var isClean: Bool

  /// The configured path pattern; empty if no route was reached.
  public var route: String
  /// The concrete path of a broadcast channel; empty on echo routes.
  public var channel: String
  /// The name of the listener that accepted it: the address as configured.
  public var listener: String
  /// The client's address; that of the proxy in front of it where `via` is nil.
  public var peer: PeerAddress
  /// The proxy in front, when the peer's address came from it.
  public var via: PeerAddress?
  /// Path and query of the request, as sent; empty if the connection never opened.
  public var path: String
  /// The whole Origin value of the request; empty if the client, then no browser, sent none.
  public var origin: String
  /// The subprotocol the 101 named; empty if none was negotiated.
  public var subprotocol: String
  /// The start of the request's User-Agent; empty if it had none.
  public var userAgent: String

  /// From accept to the end, in microseconds.
  public var duration: UInt64
  /// Since the last byte from the peer.
  public var idle: UInt64
  /// From the latest Ping that was answered to its Pong; nil if none was (RFC 6455 §5.5.3).
  public var pingRoundTrip: UInt64?
  /// Data messages taken from the peer; one that was refused for its kind or its rate is not
  /// counted.
  public var receivedMessageCount: UInt64
  /// Payload bytes of the received messages as they came, compressed or not, without frame headers.
  public var receivedByteCount: UInt64
  /// Data messages relayed to the peer: taken by the socket, or queued and not dropped since.
  public var sentMessageCount: UInt64
  /// Payload bytes of the sent messages as they were sent, without frame headers.
  public var sentByteCount: UInt64
  /// Messages that were left out, or dropped from the queue, because the peer read too slowly.
  public var droppedMessageCount: UInt64
  /// Bytes, frame headers among them, that still waited for the peer when it was given up.
  public var unsentByteCount: UInt64
  /// `TCP_INFO` at the close, for abnormal ends.
  public var tcpRetransmitCount: UInt32?
  /// The kernel's smoothed round trip (`TCP_INFO`), in microseconds; nil after a clean end.
  public var tcpRoundTrip: UInt32?
  /// Restarts of the service that the connection survived.
  public var restartCount: UInt16 = 0

  /// The code that sums the end up: the peer's, else the relay's, else 1006, or 1015 for TLS.
  public var effectiveCode: CloseCode {
    codeReceived ?? codeSent ?? (cause == .tlsFailure ? .tlsHandshake : .abnormalClosure)
  }
}

/// Which Close frame was first.
public enum CloseOrder: String, Sendable {
  /// The relay began the closing handshake.
  case sentFirst = "sent-first"
  /// The peer began the closing handshake, whether or not the relay could answer.
  case receivedFirst = "received-first"
  /// The connection ended without any Close frame: 1006 or 1015 (RFC 6455 §7.1.5).
  case none
}

/// A handshake the relay refused with an HTTP answer.
public struct RefusedHandshake: Sendable, Equatable {
  /// Unique over restarts; shown as 16 hexadecimal digits.
  public var connectionID: UInt64
  /// The HTTP status of the answer.
  public var status: Int
  /// The rule that refused it, in words an operator understands.
  public var rule: String
  /// The name of the listener that accepted it: the address as configured.
  public var listener: String
  /// The client's address; that of the proxy in front of it where `via` is nil.
  public var peer: PeerAddress
  /// The proxy in front, when the peer's address came from it.
  public var via: PeerAddress?
  /// The path without its query, as far as it was read; capped, not escaped.
  public var path: String
  /// The Origin value, as far as it was read; capped, not escaped.
  public var origin: String
  /// The User-Agent value, as far as it was read; capped, not escaped.
  public var userAgent: String
  /// From accept to the answer, in microseconds.
  public var duration: UInt64
}

/// What a shard reports to whoever keeps the records; each value leaves its worker at once.
public enum ConnectionEvent: Sendable, Equatable {
  /// A peer was answered with 101; reported only while `Shard.recordsOpened` is set.
  case opened(OpenedConnection)
  /// A connection ended that was not refused, even if it never sent a request.
  case closed(ClosedConnection)
  /// A peer was answered with an HTTP error; no `closed` follows for its connection.
  case refused(RefusedHandshake)
}

/// A completed opening handshake; reported only when asked for (`log.level = "debug"`).
public struct OpenedConnection: Sendable, Equatable {
  /// Unique over restarts; the record of the close has the same.
  public var connectionID: UInt64
  /// The configured path pattern that won.
  public var route: String
  /// The name of the listener that accepted it: the address as configured.
  public var listener: String
  /// The address at the other end of the socket.
  public var peer: PeerAddress
  /// Path and query of the request, as sent; not escaped.
  public var path: String
  /// The whole Origin value, not escaped; empty if the request had none.
  public var origin: String
  /// The subprotocol the 101 named; empty if none was negotiated.
  public var subprotocol: String
  /// The start of the User-Agent value, not escaped; empty if the request had none.
  public var userAgent: String
}
