// Every bound that holds for the whole process and is not a key of a route.

/// The bounds of one relay. Each queue, buffer, count and time has one, here or in `Route`.
public struct Limits: Sendable, Equatable {
  /// Connections in all workers together; never 0 once the engine has resolved it.
  public var maximumConnectionCount = 10_000
  /// Bytes of memory that peers may make all workers together hold: messages and requests that are
  /// not complete, what sockets did not take, contexts of compression. Each worker has an equal
  /// share of it.
  public var maximumHeldByteCount = 1 << 30
  /// A worker's receive buffer in bytes: how much of one connection is read in one go.
  public static let receiveBufferByteCount = 1 << largestReceiveShift
  /// A connection with more frames than this in one receive call is read in smaller pieces: others
  /// wait for as long as it takes to act on one call.
  public static let maximumFrameCountOfReceive = 1024
  static let largestReceiveShift: UInt8 = 17
  /// 32 KiB: what a member sends in one call is copied or sent as often as there are members, and
  /// everybody else waits meanwhile. Less would cost a flood its large batches.
  static let largestBroadcastReceiveShift: UInt8 = 15
  /// 4 KiB, which hold 682 of the smallest frames.
  static let smallestReceiveShift: UInt8 = 12
  /// A frame whose missing payload is at least this many bytes is received into its own block.
  public static let directReceiveByteCount = 64 << 10
  /// A channel's publishes are sent on once they reach this many bytes, even before the turn ends.
  public static let broadcastBatchByteCount = 64 << 10
  /// How long a refused connection is read to its end, in microseconds.
  public static let refusalLinger: Int64 = 2_000_000
  /// What a 503 tells the client to wait.
  public static let retryAfter = Duration.seconds(5)
  /// Header fields in one request.
  public static let maximumHeaderFieldCount = 100
  /// What is kept of the path, in bytes; longer request paths are refused with 414.
  public static let maximumPathByteCount = 1024
  /// What is kept of Origin and User-Agent, in bytes.
  public static let maximumRecordedHeaderByteCount = 256
  /// Free blocks a shard keeps for reuse, in bytes.
  public static let maximumPooledByteCount = 32 << 20
  /// How long a turn of a worker accepts connections, how long it acts on the ends of connections,
  /// and how long it goes on with opening handshakes, in microseconds: a crowd that comes or goes
  /// must not keep those waiting who stay.
  public static let crowdTime: Int64 = 100
  /// Of a turn that takes longer, each of these gets one part in so many: it must be done at last.
  public static let crowdShare: Int64 = 4
  /// Connections a worker accepts of those that wait at a listener which a reload removes: as many
  /// as may wait there (`net.core.somaxconn` unless set). Who is left then is reset by the kernel.
  public static let lastAcceptCount = 4096
  /// Newcomers a worker serves together with those who stay, so that these may have to wait for as
  /// many opening handshakes in a turn; the others are behind them, in the crowd.
  public static let maximumForwardCount = 16
  /// Deadlines that are acted on in one turn of a worker; the others are in the next, at once.
  public static let maximumDeadlinesPerTurn = 16
  /// Bytes of one TLS connection that are encrypted in one go; as many may wait encrypted.
  public static let encryptedFlightByteCount = 64 << 10
  /// Bytes of broadcast batches that may wait in one worker's mailbox.
  public static let maximumMailboxByteCount = 64 << 20

  /// The bounds of a relay that was given no configuration file.
  public init() {}
}

/// What a listener demands of the connections it accepts.
public struct ListenerPolicy: Sendable, Equatable {
  /// The name in records: the address as configured.
  public var name: String
  /// From accept to the end of the request, absolute.
  public var handshakeTimeout = Duration.seconds(10)
  /// Of the request line and all header fields, in bytes.
  public var maximumRequestByteCount = 8 << 10
  /// Whether each connection must begin with a header of the PROXY protocol, version 1 or 2.
  public var requiresProxyHeader = false
  /// The proxies that are believed when they say whom a request is from.
  public var trustedProxies: [Network] = []

  /// The demands of a listener whose section sets nothing but its address.
  public init(name: String) { self.name = name }
}
