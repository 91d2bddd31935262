// The server, as a URL names it (RFC 6455 §3).

import CLinux
import Glibc
import RelayEngine

/// What is wrong with a URL, in words.
package struct TargetError: Error, Equatable, CustomStringConvertible {
  package let description: String
}

/// A server to load: where it is, and what is asked of it.
package struct LoadTarget: Sendable, Equatable {
  /// As it was given.
  package let url: String
  package let host: String
  package let port: UInt16
  /// Path and query.
  package let path: String
  /// Whether it is reached through TLS.
  package let isSecure: Bool

  /// What the Host field says (RFC 9110 §7.2).
  var hostField: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// Reads `ws://host[:port][/path][?query]`, or the same with `wss`.
  package init(url: String) throws(TargetError) {
    guard let schemeEnd = url.firstRange(of: "://") else {
      throw TargetError(description: "not a URL: it begins with ws:// or wss://")
    }
    switch url[..<schemeEnd.lowerBound].lowercased() {
    case "ws": isSecure = false
    case "wss": isSecure = true
    case let other: throw TargetError(description: "\(other):// is not the scheme of a WebSocket")
    }
    let rest = url[schemeEnd.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let tail = rest.dropFirst(authority.count)
    // RFC 6455 §3: fragments mean nothing here, and must not be used.
    if tail.contains("#") { throw TargetError(description: "a fragment (#) has no meaning here") }
    if authority.contains("@") { throw TargetError(description: "no user in it: use --header") }
    // A space or a line end would be a request of another shape.
    guard tail.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw TargetError(description: "the path has characters that must be percent-encoded")
    }
    (host, port) = try Self.split(authority, standardPort: isSecure ? 443 : 80)
    path = tail.hasPrefix("/") ? String(tail) : "/" + tail
    self.url = url
  }

  private static func split(_ authority: Substring, standardPort: UInt16) throws(TargetError)
    -> (String, UInt16)
  {
    var host = authority
    var port = standardPort
    if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
      guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else {
        throw TargetError(description: "the port is a number from 1 to 65535")
      }
      port = number
      host = authority[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw TargetError(description: "no host in it")
    }
    return (String(host), port)
  }

  /// An address of the host. Of several, the first at which somebody listens: `localhost` is often
  /// an address of IPv6 first, and many servers listen on IPv4 only.
  func resolve() throws(TargetError) -> SocketAddress {
    let addresses = try allAddresses()
    return addresses.count == 1
      ? addresses[0] : addresses.first(where: Self.answers) ?? addresses[0]
  }

  /// Whether a TCP connection to an address is accepted.
  private static func answers(_ address: SocketAddress) -> Bool {
    let probe = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if probe < 0 { return false }
    defer { close(probe) }
    return address.withSockaddr { connect(probe, $0, $1) } == 0
  }

  private func allAddresses() throws(TargetError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, "\(port)", &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    var addresses: [SocketAddress] = []
    var next = result == 0 ? found : nil
    while let entry = next?.pointee {
      if let name = entry.ai_addr, let address = SocketAddress(name, length: entry.ai_addrlen) {
        addresses.append(address)
      }
      next = entry.ai_next
    }
    if addresses.isEmpty {
      throw TargetError(description: "\(host): \(String(cString: gai_strerror(result)))")
    }
    return addresses
  }
}
