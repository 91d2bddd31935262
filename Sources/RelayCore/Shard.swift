// One worker's part of the relay, as a value: its sessions, their channels and deadlines. Bytes,
// readiness and time come in through methods; everything that goes out goes through the transport.
//
// The engine's turn: `beginTurn` with the time; for each ready socket `receiveSpace`, a receive
// call into it, `received`, or `writable`; `expireDeadlines`; `endTurn`. In between, other shards'
// batches through `deliver`. A session pointer handed out is good until the `endTurn` after its
// end.
//
// It is in files by what happens: TLS, Opening, Receiving, Relaying (echo and publish),
// Compression, FanOut, Sending, Shedding, Closing, Deadlines, Lifecycle (reload, drain, counters).

import WebSocketProtocol

/// The sessions of one worker and what the relay does for them.
///
/// What is called for each connection is `mutating` even where it changes nothing: a shard that is
/// only borrowed is passed as a copy of its six hundred bytes.
public struct Shard<T: Transport & ~Copyable>: ~Copyable {
  /// Everything the shard does to sockets, other shards and records goes through this.
  public var transport: T
  var now: Instant
  var sessions = SessionTable()
  var wheel: DeadlineWheel
  var pool: BlockPool
  var hub = Hub()
  /// Ended in this turn: freed after everything that may still name them.
  var ended: [SessionPointer] = []
  /// What peers may make this shard hold, in bytes of memory (see Shedding).
  var maximumHeldByteCount: Int
  /// Memory of all `contexts`.
  var contextByteCount = 0
  /// Chosen to give way; their ends follow once nothing is in the midst of its channel.
  var shedding: [SessionPointer] = []

  var table: RouteTable
  /// The routes of `table` as the data path reads them.
  var rules: UnsafeMutablePointer<RouteRules>
  var occupancies: [Occupancy]
  var listeners: [ListenerPolicy]
  let shared: SharedRelayState

  /// Where bytes are received that do not go into a block.
  let receiveBuffer: UnsafeMutableRawBufferPointer
  /// What `receiveBuffer` is a part of.
  private let receiveMemory: UnsafeMutableRawBufferPointer
  /// For control frames and small answers.
  let scratch: UnsafeMutableRawPointer
  let pieces: UnsafeMutableBufferPointer<OutboundPiece>

  /// For messages without a context; made when the first one comes.
  var sharedInflater: Inflater?
  var sharedDeflater: Deflater?
  /// Of sessions that keep a context between messages, by session index.
  var contexts: [UInt32: CompressionContexts] = [:]

  var connectionIDs: ConnectionIDs
  /// Sessions with `isForward`.
  var forwardCount = 0
  var drain: DrainProgress?
  /// The closes of those who cannot come along to the next process.
  var departure: DrainProgress?
  /// Messages and bytes of ended sessions only; `currentCounters` adds those of live ones.
  public internal(set) var counters = ShardCounters()
  /// Texts of ends in progress, by session index; most ends have none.
  var closingNotes: [UInt32: ClosingNotes] = [:]
  /// Whether completed handshakes are recorded (`log.level = "debug"`).
  public var recordsOpened = false

  static var scratchByteCount: Int { 256 }

  /// A shard without sessions. `firstConnectionID` must leave room for 2^32 of its own.
  public init(
    transport: consuming T, routes: RouteTable, listeners: [ListenerPolicy],
    shared: SharedRelayState, firstConnectionID: UInt64, now: Instant
  ) {
    self.transport = transport
    self.now = now
    self.wheel = DeadlineWheel(now: now)
    self.pool = BlockPool(maximumPooledByteCount: Limits.maximumPooledByteCount)
    self.maximumHeldByteCount = shared.maximumHeldByteCountOfShard
    self.table = routes
    self.rules = Self.makeRules(routes)
    self.occupancies = shared.occupancies(for: routes)
    self.listeners = listeners
    self.shared = shared
    self.receiveMemory = .allocate(
      byteCount: Block.pageOffset + Limits.receiveBufferByteCount, alignment: Block.pageByteCount)
    self.receiveBuffer = UnsafeMutableRawBufferPointer(
      rebasing: receiveMemory[Block.pageOffset...])
    self.scratch = .allocate(byteCount: Self.scratchByteCount, alignment: 16)
    self.pieces = .allocate(capacity: 64)
    self.connectionIDs = ConnectionIDs(next: firstConnectionID)
  }

  deinit {
    rules.deallocate()
    receiveMemory.deallocate()
    scratch.deallocate()
    pieces.deallocate()
    sharedInflater?.release()
    sharedDeflater?.release()
    for context in contexts.values { context.release() }
  }

  static func makeRules(_ table: RouteTable) -> UnsafeMutablePointer<RouteRules> {
    let rules = UnsafeMutablePointer<RouteRules>.allocate(capacity: max(table.routes.count, 1))
    for (index, route) in table.routes.enumerated() {
      (rules + index).initialize(to: RouteRules(route))
    }
    return rules
  }

  /// Sessions that have not ended, in any phase.
  public var sessionCount: Int { sessions.count - ended.count }

  /// Broadcast channels with members here.
  public var channelCount: Int { hub.channelCount }

  /// Blocks of memory in use: none once the last session has ended.
  public var lentBlockCount: Int { pool.lentCount }

  /// Starts a turn: all that happens until `endTurn` happens now.
  @inline(__always)
  public mutating func beginTurn(_ now: Instant) { self.now = now }

  /// Ends a turn: sends what was published in it, and frees the sessions that ended.
  @inline(__always)
  public mutating func endTurn() {
    if !hub.listed.isEmpty { flushListedChannels() }
    if !shedding.isEmpty { endShedding() }
    if !ended.isEmpty { freeEnded() }
  }

  @inline(never)
  private mutating func freeEnded() {
    for session in ended { sessions.free(session) }
    ended.removeAll(keepingCapacity: true)
  }

  /// Takes a new connection from the engine, which has accepted it on a listener, and which puts
  /// TLS between where that is so. Bytes of it may be passed on before `startWatching`.
  public mutating func accept(
    _ socket: Int32, from peer: PeerAddress, listener: Int, behindTLS: Bool = false
  ) -> SessionPointer {
    let facts = SessionDetails.Facts(
      connectionID: connectionIDs.make(), acceptedAt: now, peer: peer)
    let session = sessions.make(
      socket: socket, listener: UInt16(listener), now: now, details: SessionDetails(facts))
    counters.acceptedCount += 1
    // Another worker may hear of a new listener first, and hand over what it accepts there.
    while listeners.count <= listener { listeners.append(ListenerPolicy(name: "")) }
    if listeners[listener].requiresProxyHeader { session.pointee.awaited.insert(.proxyHeader) }
    if behindTLS {
      session.pointee.awaited.insert(.tls)
    } else if forwardCount < Limits.maximumForwardCount {
      session.pointee.isForward = true
      forwardCount += 1
    }
    scheduleDeadline(session)
    return session
  }
}

/// The next identity of a connection: unique in this process, and by its random upper half over
/// restarts.
struct ConnectionIDs {
  var next: UInt64

  mutating func make() -> UInt64 {
    defer { next &+= 1 }
    return next
  }
}

/// What one shard has counted since it began.
public struct ShardCounters: Sendable, Equatable {
  /// Connections taken from the engine, whatever became of them.
  public var acceptedCount = 0
  /// Opening handshakes answered with 101.
  public var openedCount = 0
  /// Opening handshakes answered with an HTTP error, those that took too long among them.
  public var refusedCount = 0
  /// Connections that ended with a `ClosedConnection`; refused ones are not among them.
  public var closedCount = 0
  /// `closedCount` by cause.
  public var closedCounts = CauseCounts()
  /// Of ended connections; `Shard.currentCounters` adds the live ones.
  public var receivedMessageCount: UInt64 = 0
  /// Payload bytes of the received messages, without frame headers.
  public var receivedByteCount: UInt64 = 0
  /// Data messages relayed to peers: taken by sockets, or queued and not dropped since.
  public var sentMessageCount: UInt64 = 0
  /// Payload bytes of the sent messages, without frame headers.
  public var sentByteCount: UInt64 = 0
  /// Messages that slow consumers did not get.
  public var droppedMessageCount: UInt64 = 0
  /// Connections now, in any phase.
  public var liveCount = 0

  /// Nothing counted yet: where a sum over shards starts.
  public init() {}

  /// Adds another shard's counts.
  public mutating func add(_ other: ShardCounters) {
    acceptedCount += other.acceptedCount
    openedCount += other.openedCount
    refusedCount += other.refusedCount
    closedCount += other.closedCount
    closedCounts.add(other.closedCounts)
    receivedMessageCount &+= other.receivedMessageCount
    receivedByteCount &+= other.receivedByteCount
    sentMessageCount &+= other.sentMessageCount
    sentByteCount &+= other.sentByteCount
    droppedMessageCount &+= other.droppedMessageCount
    liveCount += other.liveCount
  }
}
