// The keys of [[route]], which but for the path and the mode are those of [defaults] too.

import RelayCore

extension Keys {
  /// What [defaults] may set: a path or a mode for every route would make no sense.
  static let defaults: [Key<Route>] = route.filter { !$0.description.isRequired }

  static let route: [Key<Route>] = {
    let standard = Route(pattern: RoutePattern(literal: "/"), mode: .echo)
    let key = KeyMaker(section: .route, standard: standard)
    return matching(key) + timing(key) + bounds(key)
  }()

  /// Thirty days: whatever is longer is better off.
  private static let timeouts: ClosedRange<Duration> = .milliseconds(10) ... .seconds(2_592_000)

  private static func matching(_ key: KeyMaker<Route>) -> [Key<Route>] {
    [
      key.make(
        "path", .pattern, isRequired: true, .routes,
        "exact; {name} matches one segment; a trailing /* matches the rest",
        "See CHANNELS AND PRECEDENCE. The same pattern twice is an error, whatever its parameters"
          + " are called.",
        read: { .pattern($0.pattern) },
        write: { route, value in
          if case .pattern(let pattern) = value { route.pattern = pattern }
        }),
      key.choice(
        "mode", \.mode, isRequired: true, .routes,
        "echo = back to the sender, broadcast = to the members of the channel",
        "Changing it is removing the route and adding another."),
      key.boolean(
        "include_sender", \.includesSender, .atOnce,
        "broadcast: does the sender get its own message back",
        "An error on an echo route, which ignores it in [defaults]."),
      key.choice(
        "accept", \.accepts, .atOnce, "messages of another kind close the connection with 1003",
        "Control frames are always accepted."),
      key.texts(
        "subprotocols", .subprotocols, \.subprotocols, .newRequests,
        "in order of preference; a client with none of them is refused",
        "The answer is 400. With an empty list no subprotocol is negotiated and none required."),
      key.texts(
        "origins", .origins, \.origins, .newRequests,
        "allowed Origin values; empty = any",
        "Written as browsers send them: \"https://example.org\", \"https://*.example.org\" for"
          + " any subdomain, or \"null\"; others are answered with 403."),
    ]
  }

  private static func timing(_ key: KeyMaker<Route>) -> [Key<Route>] {
    [
      key.duration(
        "idle_timeout", \.idleTimeout, timeouts, .atOnce,
        "no data message in the counted direction for this long: close; 0s = off",
        "Pings and pongs do not count."),
      key.choice(
        "idle_direction", \.idleDirection, .atOnce,
        "any = received or sent, received = only what the peer sends counts",
        "With received, a member of a busy channel that says nothing itself is idle."),
      key.make(
        "idle_close_code", .closeCode, .atOnce, "the close code of an idle connection",
        "A code that may be sent (RFC 6455, section 7.4).",
        read: { .integer(Int($0.idleCloseCode.rawValue)) },
        write: { route, value in
          if case .integer(let code) = value { route.setIdleCloseCode(code) }
        }),
      key.duration(
        "ping_interval", \.pingInterval, timeouts, .atOnce,
        "a ping after this long without a byte from the peer; 0s = off",
        "Keep it below the idle timeout of proxies on the way, which commonly is 60 seconds."),
      key.duration(
        "ping_timeout", \.pingTimeout, timeouts, .atOnce,
        "no byte at all from the peer for this long after a ping: close; 0s = off",
        "Without ping_interval it has no effect."),
      key.duration(
        "close_timeout", \.closeTimeout, .milliseconds(10) ... .seconds(600), allowsOff: false,
        .atOnce, "how long the peer has to answer a Close",
        "It cannot be switched off."),
      key.duration(
        "max_lifetime", \.maximumLifetime, timeouts, .atOnce,
        "a connection this old is closed; 0s = off",
        "Counted from when it was accepted."),
    ]
  }

  private static func bounds(_ key: KeyMaker<Route>) -> [Key<Route>] {
    [
      key.size(
        "max_message_size", \.maximumMessageByteCount, 1...(1 << 30), .atOnce,
        "bytes of a message after inflating; longer ones close the connection with 1009",
        "It cannot exceed send_buffer."),
      key.count(
        "max_message_rate", \.maximumMessageRate, 0...1_000_000, .atOnce,
        "messages a second per connection, in bursts of one second; 0 = no limit",
        "A peer that sends more is closed with 1008."),
      key.count(
        "max_connections", \.maximumConnectionCount, connectionCounts, .newRequests,
        "connections on this route; 0 = no limit",
        "Further ones are answered with 503 and Retry-After. Live ones are never closed for it."),
      key.count(
        "max_connections_per_peer", \.maximumConnectionCountPerPeer, connectionCounts,
        .newRequests, "connections per client address; 0 = no limit",
        "Further ones are answered with 429. Of IPv6 addresses the first 64 bits count; behind"
          + " trusted_proxies or proxy_protocol it is the client's own address that counts. Live"
          + " ones are never closed for it."),
      key.size(
        "send_buffer", \.maximumOutboundByteCount, 1024...(1 << 30), .atOnce,
        "bytes waiting for one connection before it counts as a slow consumer",
        "At least max_message_size, else a message could be accepted that can never wait."),
      key.choice(
        "slow_consumer", \.slowConsumerPolicy, .atOnce,
        "disconnect = close with 1013; else which messages are left out",
        "drop-newest leaves out the message that does not fit, drop-oldest those waiting longest."),
      key.choice(
        "compression", \.compression, .newRequests,
        "permessage-deflate: on = no context kept between messages, context = kept",
        "With on an idle connection costs no memory for it, and a message is relayed as it came"
          + " compressed. With context messages shrink more, at about 50 KiB a connection and work"
          + " for each receiver; it needs slow_consumer = \"disconnect\"."),
    ]
  }
}

extension Route {
  /// Sets a code that is known to be legal on the wire.
  fileprivate mutating func setIdleCloseCode(_ code: Int) {
    idleCloseCode = .init(rawValue: UInt16(clamping: code))
  }

  /// Whether a number may stand in a Close frame. The rule is WebSocketProtocol's; a route is how
  /// this module reaches it without depending on that.
  static func isLegalCloseCode(_ code: Int) -> Bool {
    guard let rawValue = UInt16(exactly: code) else { return false }
    var probe = Route(pattern: RoutePattern(literal: "/"), mode: .echo)
    probe.idleCloseCode = .init(rawValue: rawValue)
    return probe.idleCloseCode.isLegalOnTheWire
  }
}
