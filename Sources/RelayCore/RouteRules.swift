// What the data path needs of a route, as plain numbers: no reference counting to read them.

/// The settings of a route in the form the data path reads. Microseconds; 0 means off.
public struct RouteRules {
  package var isEcho: Bool
  package var includesSender: Bool
  /// Bit n set: data messages with opcode n are taken.
  public var acceptedOpcodes: UInt8
  /// Whether a message sent to the peer keeps it from being idle.
  public var countsSentMessages: Bool
  package var slowConsumerPolicy: SlowConsumerPolicy
  package var idleCloseCode: UInt16
  package var maximumMessageByteCount: Int
  package var maximumOutboundByteCount: Int
  /// The time one message of the allowed rate takes.
  public var ratePeriod: Int64
  package var idleTimeout: Int64
  package var pingInterval: Int64
  package var pingTimeout: Int64
  package var closeTimeout: Int64
  package var maximumLifetime: Int64

  package init(_ route: Route) {
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
