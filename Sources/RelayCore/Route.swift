// A route: a path pattern and what the relay does with the messages of connections on it.

import WebSocketProtocol

/// What becomes of a message on a route.
public enum RouteMode: String, CaseIterable, Sendable {
  /// Back to its sender.
  case echo
  /// To the members of its channel.
  case broadcast
}

/// Which kinds of data message a route takes; others close the connection with 1003.
public enum AcceptedKind: String, CaseIterable, Sendable {
  /// As the configuration writes them; `any` is text and binary, and control frames are always
  /// taken.
  case any, text, binary
}

/// Which data messages keep a connection from being idle.
public enum IdleDirection: String, CaseIterable, Sendable {
  /// Received or sent.
  case any
  /// Only what the peer sends.
  case received
}

/// What happens when more than `maximumOutboundByteCount` waits for a peer.
public enum SlowConsumerPolicy: String, CaseIterable, Sendable {
  /// Close with 1013.
  case disconnect
  /// Drop the message that does not fit.
  case dropNewest = "drop-newest"
  /// Drop the oldest waiting messages until it fits.
  case dropOldest = "drop-oldest"
}

/// What a route negotiates of permessage-deflate (RFC 7692).
public enum CompressionPolicy: String, CaseIterable, Sendable {
  /// No extension is negotiated, whatever the client offers.
  case off
  /// No context is kept between messages: no memory for an idle connection.
  case on
  /// The context is kept between messages, if slow consumers are disconnected.
  case context
}

/// The settings of one route. `Duration.zero` and a count of 0 mean "off" unless said otherwise.
public struct Route: Sendable, Equatable {
  /// Which request paths it serves; also how a reload finds the same route again.
  public var pattern: RoutePattern
  /// What becomes of its messages; a reload that changes it closes the route's sessions.
  public var mode: RouteMode
  /// Broadcast: the sender gets its own message back.
  public var includesSender = false
  /// Which opcodes a data message may have; any other closes the connection with 1003.
  public var accepts = AcceptedKind.any
  /// In order of preference; empty: none is negotiated and none required.
  public var subprotocols: [String] = []
  /// Allowed Origin values; empty: any.
  public var origins: [String] = []
  /// How long a connection may go without a data message that counts; Ping and Pong do not.
  public var idleTimeout = Duration.seconds(600)
  /// Which data messages start `idleTimeout` afresh.
  public var idleDirection = IdleDirection.any
  /// The code an idle connection is closed with; must be legal on the wire (RFC 6455 §7.4).
  public var idleCloseCode = CloseCode.goingAway
  /// How long a peer may be silent before it is sent a Ping (RFC 6455 §5.5.2).
  public var pingInterval = Duration.seconds(25)
  /// How long a peer may stay silent after a Ping before it is closed with 1011; without
  /// `pingInterval` it has no effect.
  public var pingTimeout = Duration.seconds(20)
  /// How long the peer has to answer our Close, and to end TCP after its own; never zero.
  public var closeTimeout = Duration.seconds(5)
  /// How old a connection may become, counted from accept, before it is closed with 1001.
  public var maximumLifetime = Duration.zero
  /// In bytes of payload, after inflating. Never 0.
  public var maximumMessageByteCount = 1 << 20
  /// Messages a second per connection.
  public var maximumMessageRate = 0
  /// Open connections on the route, over all workers; further requests are refused with 503.
  public var maximumConnectionCount = 0
  /// Open connections on the route from one IPv4 address or one IPv6 network of 64 bits, over all
  /// workers; further requests are refused with 429.
  public var maximumConnectionCountPerPeer = 0
  /// Bytes waiting for one connection before it counts as a slow consumer. Never 0.
  public var maximumOutboundByteCount = 1 << 20
  /// What gives way when `maximumOutboundByteCount` does not suffice.
  public var slowConsumerPolicy = SlowConsumerPolicy.disconnect
  /// What is negotiated of permessage-deflate with new connections.
  public var compression = CompressionPolicy.off

  /// A route with the default bounds and times.
  public init(pattern: RoutePattern, mode: RouteMode) {
    self.pattern = pattern
    self.mode = mode
  }

  /// The routes of a relay that was given no configuration file.
  public static let builtIn: [Route] = [
    Route(pattern: RoutePattern(literal: "/echo"), mode: .echo),
    Route(pattern: RoutePattern(literal: "/broadcast"), mode: .broadcast),
    Route(
      pattern: RoutePattern(segments: [.literal("room"), .parameter("name")]), mode: .broadcast),
  ]
}
