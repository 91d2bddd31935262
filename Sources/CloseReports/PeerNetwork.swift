// Which network an address belongs to, in the sizes in which networks are handed out to one site.

import Glibc

/// The network of a peer.
enum PeerNetwork {
  /// `192.0.2.0/24` or `2001:db8:1:2::/64`; nil for what is no address.
  static func name(of peer: String) -> String? {
    var ipv4 = in_addr()
    if inet_pton(AF_INET, peer, &ipv4) == 1 {
      return peer.lastIndex(of: ".").map { "\(peer[...$0])0/24" }
    }
    var ipv6 = in6_addr()
    guard inet_pton(AF_INET6, peer, &ipv6) == 1 else { return nil }
    withUnsafeMutableBytes(of: &ipv6) { bytes in
      for index in 8..<16 { bytes[index] = 0 }
    }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, &ipv6, &text, socklen_t(text.count)) != nil else { return nil }
    let name = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: name, as: UTF8.self) + "/64"
  }
}
