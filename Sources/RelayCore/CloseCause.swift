// Why a connection ended: a closed vocabulary that operators write queries and alerts against.
// The first cause wins; a released slug never changes its meaning (docs/decisions/0003).

/// Why a connection ended, as whoever first noticed the end named it.
public enum CloseCause: String, CaseIterable, Sendable {
  /// The peer sent a Close frame that reports no error.
  case peerClose = "peer-close"
  /// The peer sent a Close frame that reports an error: 1002, 1003, or 1007 to 1011.
  case peerCloseError = "peer-close-error"
  /// The peer ended TCP with FIN and never sent a Close frame.
  case peerFin = "peer-fin"
  /// The peer, or something that speaks for it, reset TCP: ECONNRESET, EPIPE.
  case peerReset = "peer-reset"
  /// The kernel gave the peer up: ETIMEDOUT, EHOSTUNREACH, ENETUNREACH.
  case networkTimeout = "network-timeout"
  /// The peer began the closing handshake, and did not take our answer and end TCP in time.
  case closeTimeout = "close-timeout"
  /// No data message in the counted direction for `idle_timeout`.
  case idleTimeout = "idle-timeout"
  /// No byte from the peer within `ping_timeout` of a Ping.
  case pongTimeout = "pong-timeout"
  /// The connection reached `max_lifetime`.
  case maxLifetime = "max-lifetime"
  /// The peer broke the framing rules of RFC 6455.
  case protocolError = "protocol-error"
  /// The peer sent text or binary on a route that does not accept it.
  case unsupportedData = "unsupported-data"
  /// A text message or a close reason is not UTF-8.
  case invalidUTF8 = "invalid-utf8"
  /// A compressed message does not inflate.
  case invalidDeflate = "invalid-deflate"
  /// A message is above `max_message_size`.
  case messageTooBig = "message-too-big"
  /// The peer sent more than `max_message_rate`.
  case rateLimit = "rate-limit"
  /// More than `send_buffer` bytes wait for a peer that does not read them.
  case slowConsumer = "slow-consumer"
  /// The process runs short of memory or descriptors.
  case shed = "shed"
  /// An operator closed this connection.
  case kick = "kick"
  /// The service is stopping.
  case drain = "drain"
  /// The service is restarting.
  case restart = "restart"
  /// A reload removed the route.
  case routeRemoved = "route-removed"
  /// The TLS handshake or record layer failed.
  case tlsFailure = "tls-failure"
  /// A fault of wsrelay itself.
  case internalError = "internal-error"

  /// The word operators match on, such as `peer-reset`.
  public var slug: String { rawValue }
}

/// Who began the end of a connection.
public enum CloseInitiator: String, Sendable {
  /// In the words of records; `network` means that neither end began it: the way between them
  /// failed.
  case peer, relay, `operator`, network
}

/// At which layer the end of a connection began.
public enum CloseLayer: String, Sendable {
  /// In the words of records; `close` is the closing handshake, `admin` an operator's command, and
  /// `relay` a fault of wsrelay itself.
  case tls, http, tcp, frame, close, policy, liveness, resource, admin, lifecycle, relay
}

/// How far a connection had come when it ended.
public enum ConnectionPhase: String, Sendable {
  /// In the words of records: `open` begins with the 101, `closing` with the first Close frame.
  case handshake, open, closing
}

extension CloseCause {
  /// Who began it; for `tlsFailure`, who mostly does.
  public var initiator: CloseInitiator {
    switch self {
    case .peerClose, .peerCloseError, .peerFin, .peerReset, .closeTimeout, .tlsFailure: .peer
    case .networkTimeout: .network
    case .kick, .drain, .restart, .routeRemoved: .operator
    default: .relay
    }
  }

  /// Where it began.
  public var layer: CloseLayer {
    switch self {
    case .peerClose, .peerCloseError, .closeTimeout: .close
    case .peerFin, .peerReset, .networkTimeout: .tcp
    case .idleTimeout, .pongTimeout: .liveness
    case .maxLifetime, .messageTooBig, .rateLimit: .policy
    case .protocolError, .unsupportedData, .invalidUTF8, .invalidDeflate: .frame
    case .slowConsumer, .shed: .resource
    case .kick: .admin
    case .drain, .restart, .routeRemoved: .lifecycle
    case .tlsFailure: .tls
    case .internalError: .relay
    }
  }

  /// The journal priority, 3 (error) to 6 (info), as syslog(3) numbers them.
  public var priority: Int {
    switch self {
    case .shed, .internalError: 3
    case .protocolError, .unsupportedData, .invalidUTF8, .invalidDeflate, .messageTooBig,
      .rateLimit, .slowConsumer:
      4
    case .peerClose, .idleTimeout, .maxLifetime, .drain, .restart: 6
    default: 5
    }
  }
}
