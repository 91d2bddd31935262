// Addresses as people, proxies and configuration files write them.

import WebSocketProtocol

extension PeerAddress {
  /// An address by its 4 or 16 bytes in network order, an IPv4-mapped IPv6 one as IPv4; nil for any
  /// other number of bytes.
  public init?(bytes: [UInt8], port: UInt16 = 0) {
    let (high, low) = (Self.number(bytes.prefix(8)), Self.number(bytes.dropFirst(8)))
    switch bytes.count {
    case 4: self.init(family: .ipv4, port: port, high: high << 32, low: 0)
    case 16: self.init(ipv6High: high, low: low, port: port)
    default: return nil
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// An address without a port: `192.0.2.7`, `2001:db8::1`; nil for anything else.
  public init?(host text: some StringProtocol) {
    guard let bytes = IPText.ipv4(text) ?? IPText.ipv6(text) else { return nil }
    self.init(bytes: bytes)
  }

  /// An address with or without a port, as proxies write it: `192.0.2.7:51234`,
  /// `[2001:db8::1]:51234`, `[2001:db8::1]`, and what `init(host:)` takes.
  public init?(_ text: some StringProtocol) {
    if let plain = PeerAddress(host: text) ?? PeerAddress(bracketed: text) {
      self = plain
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard (1...5).contains(digits.utf8.count),
      digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits)
    else { return nil }
    let host = text[..<colon]
    if let bytes = IPText.ipv4(host) {
      self.init(bytes: bytes, port: port)
    } else {
      self.init(bracketed: host)
      self.port = port
    }
  }

  /// An IPv6 address in the one spelling of RFC 5952; nil if it is none.
  public static func canonicalIPv6(_ text: some StringProtocol) -> String? {
    guard let bytes = IPText.ipv6(text) else { return nil }
    return PeerAddress(
      family: .ipv6, port: 0, high: number(bytes.prefix(8)), low: number(bytes.dropFirst(8))
    ).host
  }

  private init?(bracketed text: some StringProtocol) {
    guard text.hasPrefix("["), text.hasSuffix("]"),
      let bytes = IPText.ipv6(text.dropFirst().dropLast())
    else { return nil }
    self.init(bytes: bytes)
  }
}
