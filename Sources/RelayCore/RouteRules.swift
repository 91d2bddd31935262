// What the data path needs of a route, as plain numbers: no reference counting to read them.

/// The settings of a route in the form the data path reads. Microseconds; 0 means off.
public struct RouteRules {
  /// Whether messages go back to their sender; if not, to their channel.
  public var isEcho: Bool
  /// Broadcast: whether the sender gets its own message back.
  public var includesSender: Bool
  /// Bit n set: data messages with opcode n are taken.
  public var acceptedOpcodes: UInt8
  /// Whether a message sent to the peer keeps it from being idle.
  public var countsSentMessages: Bool
  /// What gives way when `maximumOutboundByteCount` does not suffice.
  public var slowConsumerPolicy: SlowConsumerPolicy
  /// The close code of an idle connection, as on the wire.
  public var idleCloseCode: UInt16
  /// The largest payload of a message, in bytes; a larger one closes with 1009.
  public var maximumMessageByteCount: Int
  /// Bytes of frames that may wait for one connection, Ping and Pong included.
  public var maximumOutboundByteCount: Int
  /// The time one message of the allowed rate takes.
  public var ratePeriod: Int64
  /// Longest time without a data message that counts.
  public var idleTimeout: Int64
  /// Silence of the peer after which it is sent a Ping; 0: it never is.
  public var pingInterval: Int64
  /// Silence after a Ping that ends the connection; 0: another Ping is all that follows.
  public var pingTimeout: Int64
  /// Time to answer our Close, and time to end TCP after the peer's; 0 would leave none.
  public var closeTimeout: Int64
  /// Longest time from accept to the relay's Close.
  public var maximumLifetime: Int64

  /// The rules of a route: durations in whole microseconds, the rate as a period of at least one.
  public init(_ route: Route) {
    isEcho = route.mode == .echo
    includesSender = route.includesSender
    acceptedOpcodes =
      switch route.accepts {
      case .any: 0b110
      case .text: 0b010
      case .binary: 0b100
      }
    countsSentMessages = route.idleDirection == .any
    slowConsumerPolicy = route.slowConsumerPolicy
    idleCloseCode = route.idleCloseCode.rawValue
    maximumMessageByteCount = route.maximumMessageByteCount
    maximumOutboundByteCount = route.maximumOutboundByteCount
    ratePeriod =
      route.maximumMessageRate > 0 ? max(1, 1_000_000 / Int64(route.maximumMessageRate)) : 0
    idleTimeout = route.idleTimeout.wholeMicroseconds
    pingInterval = route.pingInterval.wholeMicroseconds
    pingTimeout = route.pingTimeout.wholeMicroseconds
    closeTimeout = route.closeTimeout.wholeMicroseconds
    maximumLifetime = route.maximumLifetime.wholeMicroseconds
  }
}
