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
  case off
  /// No context is kept between messages.
  case on
  /// The context is kept between messages.
  case context
}

/// The settings of one route. `Duration.zero` and a count of 0 mean "off" unless said otherwise.
public struct Route: Sendable, Equatable {
  package var pattern: RoutePattern
  package var mode: RouteMode
  /// Broadcast: the sender gets its own message back.
  public var includesSender = false
  package var accepts = AcceptedKind.any
  /// In order of preference; empty: none is negotiated and none required.
  public var subprotocols: [String] = []
  /// Allowed Origin values; empty: any.
  public var origins: [String] = []
  package var idleTimeout = Duration.seconds(600)
  package var idleDirection = IdleDirection.any
  package var idleCloseCode = CloseCode.goingAway
  package var pingInterval = Duration.seconds(25)
  package var pingTimeout = Duration.seconds(20)
  package var closeTimeout = Duration.seconds(5)
  package var maximumLifetime = Duration.zero
  /// In bytes of payload, after inflating. Never 0.
  public var maximumMessageByteCount = 1 << 20
  /// Messages a second per connection.
  public var maximumMessageRate = 0
  package var maximumConnectionCount = 0
  package var maximumConnectionCountPerPeer = 0
  /// Bytes waiting for one connection before it counts as a slow consumer. Never 0.
  public var maximumOutboundByteCount = 1 << 20
  package var slowConsumerPolicy = SlowConsumerPolicy.disconnect
  package var compression = CompressionPolicy.off

  package init(pattern: RoutePattern, mode: RouteMode) {
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
