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
    /// The address at the other end of the socket.
    public var peer: PeerAddress
    /// The request target, path and query; cut to `Limits.maximumPathByteCount`.
    public var path = ""
    /// The whole Origin value; empty if the request had none, or is not read yet.
    public var origin = ""
    /// The User-Agent value, cut to `HandshakeLimits.maximumRecordedHeaderByteCount`.
    public var userAgent = ""
    /// The subprotocol the 101 names; empty if none was negotiated.
    public var subprotocol = ""

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

  // Layout: connection id, accepted at (8 each); port (2); family (1); origin, user agent and
  // subprotocol byte counts (2 each); path byte count (2); address (0, 4 or 16); the texts.
  private static let fixedByteCount = 27

  init(_ facts: Facts) {
    let texts = [facts.path, facts.origin, facts.userAgent, facts.subprotocol]
    let addressByteCount = Self.addressByteCount(facts.peer.family)
    let textByteCount = texts.reduce(0) { $0 + min($1.utf8.count, Int(UInt16.max)) }
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: Self.fixedByteCount + addressByteCount + textByteCount, alignment: 8)
    memory.storeBytes(of: facts.connectionID, as: UInt64.self)
    memory.storeBytes(of: facts.acceptedAt.microseconds, toByteOffset: 8, as: Int64.self)
    memory.storeBytes(of: facts.peer.port, toByteOffset: 16, as: UInt16.self)
    memory.storeBytes(of: facts.peer.family.rawValue, toByteOffset: 18, as: UInt8.self)
    if addressByteCount > 0 {
      withUnsafeBytes(of: (facts.peer.high.bigEndian, facts.peer.low.bigEndian)) {
        (memory + Self.fixedByteCount).copyMemory(
          from: $0.baseAddress!, byteCount: addressByteCount)
      }
    }
    var offset = Self.fixedByteCount + addressByteCount
    for (index, text) in texts.enumerated() {
      let bytes = text.utf8.prefix(Int(UInt16.max))
      memory.storeBytes(of: UInt16(bytes.count), toByteOffset: 19 + 2 * index, as: UInt16.self)
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
    let family = PeerAddress.Family(rawValue: memory.load(fromByteOffset: 18, as: UInt8.self))
    let addressByteCount = Self.addressByteCount(family ?? .unix)
    var address = (UInt64(0), UInt64(0))
    withUnsafeMutableBytes(of: &address) {
      $0.baseAddress!.copyMemory(from: memory + Self.fixedByteCount, byteCount: addressByteCount)
    }
    var facts = Facts(
      connectionID: memory.load(as: UInt64.self),
      acceptedAt: Instant(microseconds: memory.load(fromByteOffset: 8, as: Int64.self)),
      peer: PeerAddress(
        family: family ?? .unix, port: memory.load(fromByteOffset: 16, as: UInt16.self),
        high: UInt64(bigEndian: address.0), low: UInt64(bigEndian: address.1)))
    var offset = Self.fixedByteCount + addressByteCount
    let texts = (0..<4).map { index in
      let count = Int(memory.loadUnaligned(fromByteOffset: 19 + 2 * index, as: UInt16.self))
      defer { offset += count }
      return String(
        decoding: UnsafeRawBufferPointer(start: memory + offset, count: count), as: UTF8.self)
    }
    (facts.path, facts.origin, facts.userAgent, facts.subprotocol) =
      (texts[0], texts[1], texts[2], texts[3])
    return facts
  }

  private static func addressByteCount(_ family: PeerAddress.Family) -> Int {
    switch family {
    case .unix: 0
    case .ipv4: 4
    case .ipv6: 16
    }
  }

  /// Frees the memory.
  mutating func release() {
    memory?.deallocate()
    memory = nil
  }
}
