// What a session remembers only for its record: packed into one small allocation, because most
// connections are idle and each byte counts ten thousand times.

/// The cold facts of a session: who, when, and what the handshake said.
public struct SessionDetails {
  /// The facts as one reads them.
  public struct Facts: Equatable, Sendable {
    /// Unique over restarts; all records of the connection have it.
    public var connectionID: UInt64
    /// The time of the turn in which the engine handed the connection over.
    public var acceptedAt: Instant
    /// The client's address: at the other end of the socket, or what a proxy there says.
    public var peer: PeerAddress
    /// The proxy at the other end of the socket, where it said whose connection it is.
    public var via: PeerAddress?
    /// Whether it counts towards its route's bound on connections of one peer.
    public var isCountedByPeer = false
    /// The request target, path and query; cut to `Limits.maximumPathByteCount`.
    public var path = ""
    /// The whole Origin value; empty if the request had none, or is not read yet.
    public var origin = ""
    /// The User-Agent value, cut to `HandshakeLimits.maximumRecordedHeaderByteCount`.
    public var userAgent = ""
    /// The subprotocol the 101 names; empty if none was negotiated.
    public var subprotocol = ""
    /// How many restarts of the service the connection has survived.
    public var restartCount: UInt16 = 0

    /// What is known at accept; the opening handshake adds the texts.
    public init(connectionID: UInt64, acceptedAt: Instant, peer: PeerAddress) {
      self.connectionID = connectionID
      self.acceptedAt = acceptedAt
      self.peer = peer
    }
  }

  private var memory: UnsafeMutableRawPointer?

  /// No facts.
  init() {}

  // Layout: connection id, accepted at (8 each); byte counts of the texts (2 each); a flag and the
  // families of peer and proxy (1); restarts (2); both, each port (2) and address (0, 4 or 16);
  // the texts.
  private static let textCountsOffset = 16
  private static let familiesOffset = 24
  private static let restartsOffset = 25
  private static let fixedByteCount = 27
  // Of the byte at `familiesOffset`: two bits for the proxy's family, two for the peer's, one flag.
  /// In place of the proxy's family: there is none.
  private static let noFamily: UInt8 = 0b11
  private static let countedBit: UInt8 = 0b1_0000

  init(_ facts: borrowing Facts) {
    let memory = Self.allocate(
      behind: Self.textsOffset(peer: facts.peer.family, via: facts.via?.family),
      path: facts.path, origin: facts.origin, userAgent: facts.userAgent,
      subprotocol: facts.subprotocol)
    memory.storeBytes(of: facts.connectionID, as: UInt64.self)
    memory.storeBytes(of: facts.acceptedAt.microseconds, toByteOffset: 8, as: Int64.self)
    let families = facts.peer.family.rawValue << 2 | (facts.via?.family.rawValue ?? Self.noFamily)
    memory.storeBytes(
      of: families | (facts.isCountedByPeer ? Self.countedBit : 0),
      toByteOffset: Self.familiesOffset, as: UInt8.self)
    memory.storeBytes(
      of: facts.restartCount, toByteOffset: Self.restartsOffset, as: UInt16.self)
    Self.store(facts.peer, to: memory + Self.fixedByteCount)
    if let via = facts.via {
      Self.store(via, to: memory + Self.fixedByteCount + Self.byteCount(facts.peer.family))
    }
    self.memory = memory
  }

  /// Adds what the opening handshake said, in place of any texts there are, to what has been known
  /// since accept.
  mutating func add(
    path: String, origin: String, userAgent: String, subprotocol: String, isCountedByPeer: Bool
  ) {
    let textsOffset = Self.textsOffset(peer: peerFamily, via: viaFamily)
    let memory = Self.allocate(
      behind: textsOffset, path: path, origin: origin, userAgent: userAgent,
      subprotocol: subprotocol)
    let families = families & ~Self.countedBit | (isCountedByPeer ? Self.countedBit : 0)
    // All in front of the texts but the byte counts of these.
    memory.copyMemory(from: present, byteCount: Self.textCountsOffset)
    (memory + Self.familiesOffset).copyMemory(
      from: present + Self.familiesOffset, byteCount: textsOffset - Self.familiesOffset)
    memory.storeBytes(of: families, toByteOffset: Self.familiesOffset, as: UInt8.self)
    release()
    self.memory = memory
  }

  /// New memory with these texts and their byte counts in it, behind so many bytes.
  private static func allocate(
    behind textsOffset: Int, path: String, origin: String, userAgent: String, subprotocol: String
  ) -> UnsafeMutableRawPointer {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: textsOffset + keptByteCount(path) + keptByteCount(origin)
        + keptByteCount(userAgent) + keptByteCount(subprotocol), alignment: 8)
    // Of four texts, empty until appended.
    memory.storeBytes(of: 0, toByteOffset: textCountsOffset, as: UInt64.self)
    var end = textsOffset
    func append(_ text: String, as index: Int) {
      let count = keptByteCount(text)
      memory.storeBytes(
        of: UInt16(count), toByteOffset: textCountsOffset + 2 * index, as: UInt16.self)
      var text = text
      text.withUTF8 { (memory + end).copyMemory(from: $0.baseAddress!, byteCount: count) }
      end += count
    }
    if !path.isEmpty { append(path, as: 0) }
    if !origin.isEmpty { append(origin, as: 1) }
    if !userAgent.isEmpty { append(userAgent, as: 2) }
    if !subprotocol.isEmpty { append(subprotocol, as: 3) }
    return memory
  }

  private static func textsOffset(peer: PeerAddress.Family, via: PeerAddress.Family?) -> Int {
    fixedByteCount + byteCount(peer) + (via.map { byteCount($0) } ?? 0)
  }

  private static func keptByteCount(_ text: String) -> Int {
    min(text.utf8.count, Int(UInt16.max))
  }

  /// The facts, unpacked.
  var facts: Facts {
    var facts = Facts(connectionID: connectionID, acceptedAt: acceptedAt, peer: peer)
    facts.via = via
    facts.isCountedByPeer = isCountedByPeer
    facts.restartCount = restartCount
    (facts.path, facts.origin, facts.userAgent, facts.subprotocol) = texts
    return facts
  }

  /// What the opening handshake said.
  var texts: (path: String, origin: String, userAgent: String, subprotocol: String) {
    var offset = Self.textsOffset(peer: peerFamily, via: viaFamily)
    func nextText(_ index: Int) -> String {
      let count = Int(
        present.load(fromByteOffset: Self.textCountsOffset + 2 * index, as: UInt16.self))
      if count == 0 { return "" }
      defer { offset += count }
      return String(
        decoding: UnsafeRawBufferPointer(start: present + offset, count: count), as: UTF8.self)
    }
    return (nextText(0), nextText(1), nextText(2), nextText(3))
  }

  // Some of the facts, for whoever needs no texts.

  var connectionID: UInt64 { present.load(as: UInt64.self) }

  var acceptedAt: Instant {
    Instant(microseconds: present.load(fromByteOffset: 8, as: Int64.self))
  }

  var peer: PeerAddress {
    Self.load(peerFamily, from: present + Self.fixedByteCount)
  }

  var via: PeerAddress? {
    viaFamily.map {
      Self.load($0, from: present + Self.fixedByteCount + Self.byteCount(peerFamily))
    }
  }

  var restartCount: UInt16 {
    present.loadUnaligned(fromByteOffset: Self.restartsOffset, as: UInt16.self)
  }

  var isCountedByPeer: Bool { families & Self.countedBit != 0 }

  private var peerFamily: PeerAddress.Family {
    PeerAddress.Family(rawValue: families >> 2 & 0b11) ?? .unix
  }

  private var viaFamily: PeerAddress.Family? { PeerAddress.Family(rawValue: families & 0b11) }

  private var families: UInt8 { present.load(fromByteOffset: Self.familiesOffset, as: UInt8.self) }

  private var present: UnsafeMutableRawPointer {
    guard let memory else { preconditionFailure("a session without details") }
    return memory
  }

  /// Of a port and an address.
  private static func byteCount(_ family: PeerAddress.Family) -> Int {
    switch family {
    case .unix: 0
    case .ipv4: 2 + 4
    case .ipv6: 2 + 16
    }
  }

  private static func store(_ address: PeerAddress, to memory: UnsafeMutableRawPointer) {
    let byteCount = byteCount(address.family)
    if byteCount == 0 { return }
    memory.storeBytes(of: address.port, as: UInt16.self)
    withUnsafeBytes(of: (address.high.bigEndian, address.low.bigEndian)) {
      (memory + 2).copyMemory(from: $0.baseAddress!, byteCount: byteCount - 2)
    }
  }

  private static func load(
    _ family: PeerAddress.Family, from memory: UnsafeRawPointer
  ) -> PeerAddress {
    let byteCount = byteCount(family)
    if byteCount == 0 { return .unix }
    var address = (UInt64(0), UInt64(0))
    withUnsafeMutableBytes(of: &address) {
      $0.baseAddress!.copyMemory(from: memory + 2, byteCount: byteCount - 2)
    }
    return PeerAddress(
      family: family, port: memory.loadUnaligned(as: UInt16.self),
      high: UInt64(bigEndian: address.0), low: UInt64(bigEndian: address.1))
  }

  /// Frees the memory.
  mutating func release() {
    memory?.deallocate()
    memory = nil
  }
}
