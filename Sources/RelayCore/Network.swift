// A range of addresses: whose word about a client is believed, and what counts as one peer.

/// An address with the number of its leading bits that count, such as `10.0.0.0/8`.
public struct Network: Hashable, Sendable {
  /// The first address; port 0, all bits behind the prefix 0.
  public let address: PeerAddress
  /// How many leading bits all addresses share: up to 32 or 128.
  public let prefixBitCount: Int

  /// Peers of Unix sockets.
  public static let unix = Network(.unix, prefixBitCount: 0)

  /// The network of so many leading bits that an address is in.
  public init(_ address: PeerAddress, prefixBitCount: Int) {
    let isIPv6 = address.family == .ipv6
    let bits = min(max(prefixBitCount, 0), isIPv6 ? 128 : 32)
    self.prefixBitCount = address.family == .unix ? 0 : bits
    self.address = PeerAddress(
      family: address.family, port: 0, high: address.high & Self.mask(bits),
      low: address.low & Self.mask(bits - 64))
  }

  private static func mask(_ bitCount: Int) -> UInt64 {
    bitCount <= 0 ? 0 : bitCount >= 64 ? .max : ~(.max >> UInt64(bitCount))
  }

  /// Whether a peer's address is one of these.
  public func contains(_ peer: PeerAddress) -> Bool {
    peer.family == address.family && Network(peer, prefixBitCount: prefixBitCount) == self
  }
}

extension Network: CustomStringConvertible {
  /// `10.0.0.0/8`, `2001:db8::/32`, or `unix`.
  public var description: String {
    address.family == .unix ? "unix" : "\(address.host)/\(prefixBitCount)"
  }
}

extension PeerAddress {
  /// What counts as one peer in a limit: an IPv4 address, or the 64 bits of an IPv6 address that a
  /// provider gives to one customer; nil for a Unix socket, whose peer has no address.
  var limitedNetwork: Network? {
    switch family {
    case .unix: nil
    case .ipv4: Network(self, prefixBitCount: 32)
    case .ipv6: Network(self, prefixBitCount: 64)
    }
  }

  /// The client behind trusted proxies: `self` is the address at the other end of the socket, and
  /// `forwarded` what the request says of the way it came, the client's end first (RFC 7239 §5.2,
  /// X-Forwarded-For).
  ///
  /// Each proxy appends whom it was asked by. So the list is read from its end, for as long as it
  /// was a trusted proxy that wrote; what stands before that is the client's own invention. What is
  /// no address, such as `unknown`, ends the search as well.
  func client(behind trusted: [Network], forwarded: [String]) -> PeerAddress {
    var client = self
    for text in forwarded.reversed() {
      guard trusted.contains(where: { $0.contains(client) }), let next = PeerAddress(text) else {
        break
      }
      client = next
    }
    return client
  }
}
