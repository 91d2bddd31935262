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

  init(_ facts: Facts) {
    let texts = [facts.path, facts.origin, facts.userAgent, facts.subprotocol]
    let addresses = [facts.peer] + (facts.via.map { [$0] } ?? [])
    let byteCount =
      Self.fixedByteCount + addresses.reduce(0) { $0 + Self.byteCount($1.family) }
      + texts.reduce(0) { $0 + min($1.utf8.count, Int(UInt16.max)) }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 8)
    memory.storeBytes(of: facts.connectionID, as: UInt64.self)
    memory.storeBytes(of: facts.acceptedAt.microseconds, toByteOffset: 8, as: Int64.self)
    let families = facts.peer.family.rawValue << 2 | (facts.via?.family.rawValue ?? Self.noFamily)
    memory.storeBytes(
      of: families | (facts.isCountedByPeer ? Self.countedBit : 0),
      toByteOffset: Self.familiesOffset, as: UInt8.self)
    memory.storeBytes(
      of: facts.restartCount, toByteOffset: Self.restartsOffset, as: UInt16.self)
    var offset = Self.fixedByteCount
    for address in addresses {
      Self.store(address, to: memory + offset)
      offset += Self.byteCount(address.family)
    }
    for (index, text) in texts.enumerated() {
      let bytes = text.utf8.prefix(Int(UInt16.max))
      memory.storeBytes(
        of: UInt16(bytes.count), toByteOffset: Self.textCountsOffset + 2 * index, as: UInt16.self)
      for byte in bytes {
        memory.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        offset += 1
      }
    }
    self.memory = memory
  }

  /// The facts, unpacked.
  var facts: Facts {
    guard let memory else { preconditionFailure("a session without details") }
    let families = memory.load(fromByteOffset: Self.familiesOffset, as: UInt8.self)
    var offset = Self.fixedByteCount
    func nextAddress(_ family: UInt8) -> PeerAddress? {
      guard let family = PeerAddress.Family(rawValue: family) else { return nil }
      defer { offset += Self.byteCount(family) }
      return Self.load(family, from: memory + offset)
    }
    var facts = Facts(
      connectionID: memory.load(as: UInt64.self),
      acceptedAt: Instant(microseconds: memory.load(fromByteOffset: 8, as: Int64.self)),
      peer: nextAddress(families >> 2 & 0b11) ?? .unix)
    facts.via = nextAddress(families & 0b11)
    facts.isCountedByPeer = families & Self.countedBit != 0
    facts.restartCount = memory.loadUnaligned(
      fromByteOffset: Self.restartsOffset, as: UInt16.self)
    let texts = (0..<4).map { index in
      let count = Int(
        memory.loadUnaligned(
          fromByteOffset: Self.textCountsOffset + 2 * index, as: UInt16.self))
      defer { offset += count }
      return String(
        decoding: UnsafeRawBufferPointer(start: memory + offset, count: count), as: UTF8.self)
    }
    (facts.path, facts.origin, facts.userAgent, facts.subprotocol) =
      (texts[0], texts[1], texts[2], texts[3])
    return facts
  }

  /// The flag alone, for whoever needs no more.
  var isCountedByPeer: Bool {
    guard let memory else { return false }
    return memory.load(fromByteOffset: Self.familiesOffset, as: UInt8.self) & Self.countedBit != 0
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
