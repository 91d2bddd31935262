// Where a peer is: kept as bytes while the connection lives, made text when it ends.

/// The network address of a peer.
public struct PeerAddress: Hashable, Sendable {
  /// The address family, which decides how many of the bytes count.
  public enum Family: UInt8, Sendable {
    /// A Unix socket: no address, no port.
    case unix
    /// Four bytes.
    case ipv4
    /// Sixteen bytes.
    case ipv6
  }

  /// Which address bytes count, and how they are written.
  public var family: Family
  /// The TCP port in the host's byte order; 0 for a Unix socket, and where a proxy did not tell it.
  public var port: UInt16
  /// The address in network order; IPv4 in the first four bytes of `high`.
  public var high: UInt64
  /// The last eight bytes of an IPv6 address; 0 for every other family.
  public var low: UInt64

  /// An address by its parts; those the family has no use for must be 0, or equal addresses would
  /// not compare as equal.
  public init(family: Family, port: UInt16, high: UInt64, low: UInt64) {
    self.family = family
    self.port = port
    self.high = high
    self.low = low
  }

  /// The address of an IPv6 socket's peer, which is IPv4 if it is an IPv4-mapped one (RFC 4291
  /// §2.5.5.2): people and rules know it by that.
  public init(ipv6High high: UInt64, low: UInt64, port: UInt16) {
    if high == 0 && low >> 32 == 0xFFFF {
      self.init(family: .ipv4, port: port, high: low << 32, low: 0)
    } else {
      self.init(family: .ipv6, port: port, high: high, low: low)
    }
  }

  /// The peer of a Unix socket.
  public static let unix = PeerAddress(family: .unix, port: 0, high: 0, low: 0)
}

extension PeerAddress: CustomStringConvertible {
  /// The address without its port: `192.0.2.7`, `2001:db8::1` (RFC 5952), or `unix`.
  public var host: String {
    switch family {
    case .unix: return "unix"
    case .ipv4: return ipv4Text
    case .ipv6: return ipv6Text
    }
  }

  /// The address with its port, as a URL has it: `192.0.2.7:51234`, `[2001:db8::1]:51234`; without
  /// one where there is none, or a proxy did not tell it.
  public var description: String {
    if port == 0 { return host }
    return family == .ipv6 ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// Every record has it, so it is written digit by digit; it fits into a String without memory of
  /// its own.
  private var ipv4Text: String {
    String(unsafeUninitializedCapacity: 15) { text in
      var count = 0
      for index in 0..<4 {
        let number = UInt8(truncatingIfNeeded: high >> (56 - 8 * index))
        if index > 0 {
          text[count] = UInt8(ascii: ".")
          count += 1
        }
        for (digit, least) in [
          (number / 100, 100 as UInt8), (number / 10 % 10, 10), (number % 10, 0),
        ]
        where number >= least {
          text[count] = UInt8(ascii: "0") + digit
          count += 1
        }
      }
      return count
    }
  }

  private var ipv6Text: String {
    let groups = (0..<8).map { index in
      UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> (48 - 16 * (index & 3)))
    }
    // RFC 5952 §4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8 && groups[end] == 0 { end += 1 }
      if end - start > max(best.count, 1) { best = start..<end }
      start = max(end, start + 1)
    }
    let text = { (range: Range<Int>) in
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    return best.isEmpty ? text(0..<8) : "\(text(0..<best.lowerBound))::\(text(best.upperBound..<8))"
  }
}
