// One connection and what the relay knows of it: handshake, route, deadlines, counters, close. A
// plain value behind a pointer: it can be written out and taken up by another shard, and reading it
// on the data path counts no references. Its address is what the engine's poller hands back.

import WebSocketProtocol

/// One connection of a shard.
public struct Session {
  /// How far the connection has come.
  public enum Phase: UInt8, Sendable {
    /// Reading the request.
    case handshake
    /// Relaying.
    case open
    /// Our Close is sent, or an HTTP refusal: waiting for the peer's Close.
    case closing
    /// Our FIN follows what waits, and nothing is read until then; reading until the peer's FIN.
    case lingering
    /// Dropped; the memory is reused after the turn.
    case dead
  }

  /// Which readiness of its socket the transport reports.
  public struct Interest: OptionSet, Sendable {
    /// One bit for each of the below.
    public let rawValue: UInt8
    /// There are bytes, or the peer has ended its direction.
    public static let reading = Interest(rawValue: 1)
    /// There is room.
    public static let writing = Interest(rawValue: 2)

    /// Those whose bits are set.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
  }

  /// Flags share a byte where a session would not fit into three cache lines otherwise.
  private struct Marks: OptionSet {
    let rawValue: UInt8
    static let shed = Marks(rawValue: 1)
    static let forward = Marks(rawValue: 2)
  }

  // What a fan-out touches: the first cache line, as sessions lie on the boundaries of lines.
  /// The descriptor the transport knows it by; once the session is dead, perhaps another's.
  public internal(set) var socket: Int32
  /// Set by the shard alone; whoever holds the pointer sees here whether the session lives.
  public internal(set) var phase = Phase.handshake
  /// What is reported of the socket; empty: it is not watched yet.
  public internal(set) var interest: Interest = []
  /// At most 2^`receiveShift` bytes are received in one call (see `Shard.adjustPace`).
  var receiveShift = Limits.largestReceiveShift
  /// FIN follows once the queue is empty.
  var endsSending = false
  /// Ended before it opened, and is recorded as that: answered with an HTTP error, or TLS failed.
  var isRefused = false
  /// What must come before the request.
  public internal(set) var awaited: Preambles = []
  var route: UInt16 = 0
  var listener: UInt16
  /// What was negotiated of permessage-deflate.
  var compression = SessionCompression.none
  private var marks: Marks = []
  var outbound = WriteQueue()
  var memberIndex: UInt32 = 0
  /// This session's latest segment in its channel's batch; -1: none.
  var ownSegment: Int32 = -1
  var sentMessageCount: UInt64 = 0
  var sentByteCount: UInt64 = 0
  /// When the last data message went in a direction that counts against idleness.
  var lastData: Instant
  /// When the last byte came from the peer.
  var lastReceived: Instant

  /// Where messages are published on a broadcast route.
  var channel: ChannelPointer?

  // Reading.
  var connection = ServerConnection()
  var receivedMessageCount: UInt64 = 0
  var receivedByteCount: UInt64 = 0
  /// GCRA: when the next message would be on time (see `Shard.isWithinRate`).
  var rateClock = Instant.origin

  // Liveness and end.
  /// Since when the peer owes us something: a Pong, or the rest of a close; origin: nothing.
  var owedSince = Instant.origin
  /// Microseconds; 0: not measured.
  var pingRoundTrip: UInt32 = 0
  var deadline = DeadlineLink()
  var cause: CloseCause?
  /// How far the connection had come when the cause was named.
  var causePhase = Phase.handshake
  var droppedMessageCount: UInt32 = 0
  let index: UInt32
  /// What is only read when the session ends.
  var details: SessionDetails
  /// The request so far, while it is incomplete.
  var request: BlockPointer?

  init(socket: Int32, index: UInt32, listener: UInt16, now: Instant, details: SessionDetails) {
    self.socket = socket
    self.index = index
    self.listener = listener
    self.lastData = now
    self.lastReceived = now
    self.details = details
  }
}

extension Session {
  /// Chosen to give way: nothing more is queued, and its end follows.
  var isShed: Bool {
    get { marks.contains(.shed) }
    set { if newValue { marks.insert(.shed) } else { marks.remove(.shed) } }
  }

  /// A newcomer that is reported together with those who are let in (see
  /// `Limits.maximumForwardCount`).
  public internal(set) var isForward: Bool {
    get { marks.contains(.forward) }
    set { if newValue { marks.insert(.forward) } else { marks.remove(.forward) } }
  }
}

/// What a listener demands in front of the request, in this order.
public struct Preambles: OptionSet, Sendable {
  /// One bit for each.
  public var rawValue: UInt8
  /// A header of the PROXY protocol.
  public static let proxyHeader = Preambles(rawValue: 1)
  /// The TLS handshake, which the engine makes.
  public static let tls = Preambles(rawValue: 2)

  /// The preambles of these bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// A session by its address, which is its identity to the poller.
public typealias SessionPointer = UnsafeMutablePointer<Session>

/// The sessions of one shard, in slabs whose addresses never change.
public struct SessionTable: ~Copyable {
  private var slabs: [SessionPointer] = []
  private var firstFree = SessionTable.none
  /// Sessions made and not yet freed.
  public private(set) var count = 0

  /// An index that no session has, where a list ends.
  public static let none = UInt32.max
  private static let cacheLineByteCount = 64
  private static let slabShift: UInt32 = 7
  private static let slabCount = 1 << 7

  init() {}

  deinit {
    for slab in slabs { UnsafeMutableRawPointer(slab).deallocate() }
  }

  /// The session with an index that was given out.
  @inline(__always)
  public subscript(index: UInt32) -> SessionPointer {
    slabs[Int(index >> Self.slabShift)] + Int(index & UInt32(Self.slabCount - 1))
  }

  /// Indices that may be in use are below this; a dead or free one has `phase == .dead`.
  public var indexLimit: UInt32 { UInt32(slabs.count << Self.slabShift) }

  mutating func make(socket: Int32, listener: UInt16, now: Instant, details: SessionDetails)
    -> SessionPointer
  {
    if firstFree == Self.none { addSlab() }
    let index = firstFree
    let session = self[index]
    firstFree = session.pointee.deadline.next
    session.initialize(
      to: Session(socket: socket, index: index, listener: listener, now: now, details: details))
    count += 1
    return session
  }

  mutating func free(_ session: SessionPointer) {
    session.pointee.deadline.next = firstFree
    firstFree = session.pointee.index
    count -= 1
  }

  private mutating func addSlab() {
    let slab = UnsafeMutableRawPointer.allocate(
      byteCount: Self.slabCount * MemoryLayout<Session>.stride, alignment: Self.cacheLineByteCount
    ).bindMemory(to: Session.self, capacity: Self.slabCount)
    let base = indexLimit
    slabs.append(slab)
    for offset in (0..<UInt32(Self.slabCount)).reversed() {
      var session = Session(
        socket: -1, index: base + offset, listener: 0, now: .origin, details: SessionDetails())
      session.phase = .dead
      session.deadline.next = firstFree
      (slab + Int(offset)).initialize(to: session)
      firstFree = base + offset
    }
  }
}
