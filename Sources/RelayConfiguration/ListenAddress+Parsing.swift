// Listen addresses as an operator writes them. Hosts are numeric: nothing here asks a resolver.

import RelayCore

/// Why a text is not what a key takes; the text says what to write instead.
struct InvalidText: Error {
  var message: String
  init(_ message: String) { self.message = message }
}

extension ListenAddress {
  /// `sun_path` holds 108 bytes and a terminator.
  static let maximumUnixPathByteCount = 107
  /// What the service manager takes as a `FileDescriptorName=`.
  static let maximumInheritedNameByteCount = 255

  /// Reads `host:port`, `[v6]:port`, `*:port`, `unix:/path` or `systemd:NAME`.
  init(parsing text: String) throws(InvalidText) {
    if text.hasPrefix("unix:") {
      self = .unix(path: try Self.unixPath(String(text.dropFirst(5))))
    } else if text.hasPrefix("systemd:") {
      self = .inherited(name: try Self.inheritedName(String(text.dropFirst(8))))
    } else {
      self = try Self.tcp(text)
    }
  }

  private static func unixPath(_ path: String) throws(InvalidText) -> String {
    guard path.utf8.first == UInt8(ascii: "/") else {
      throw InvalidText("the path after \"unix:\" must be absolute")
    }
    guard path.utf8.count <= maximumUnixPathByteCount else {
      throw InvalidText("a socket path has at most \(maximumUnixPathByteCount) bytes")
    }
    guard !path.utf8.contains(0) else { throw InvalidText("a socket path has no NUL") }
    return path
  }

  private static func inheritedName(_ name: String) throws(InvalidText) -> String {
    let isUsable = name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }
    guard !name.isEmpty, isUsable, name.utf8.count <= maximumInheritedNameByteCount else {
      throw InvalidText(
        "after \"systemd:\" comes the FileDescriptorName= of the socket unit:"
          + " up to \(maximumInheritedNameByteCount) printable characters without spaces or \":\"")
    }
    return name
  }

  private static func tcp(_ text: String) throws(InvalidText) -> ListenAddress {
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), bytes.last != UInt8(ascii: "]") else {
      throw InvalidText(
        "write \"host:port\", \"[v6]:port\", \"*:port\", \"unix:/path\" or \"systemd:NAME\"")
    }
    let digits = String(decoding: bytes[(colon + 1)...], as: UTF8.self)
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
      throw InvalidText("the port must be a number from 0 to 65535")
    }
    let host = String(decoding: bytes[..<colon], as: UTF8.self)
    return .tcp(host: try numericHost(host), port: port)
  }

  private static func numericHost(_ host: String) throws(InvalidText) -> String {
    if host == "*" { return host }
    if host == "localhost" { return "127.0.0.1" }
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = String(host.dropFirst().dropLast())
      guard let address = PeerAddress.canonicalIPv6(inner) else {
        throw InvalidText("\(quoted(inner)) is not an IPv6 address")
      }
      return address
    }
    if host.contains(":") {
      throw InvalidText("an IPv6 address stands in brackets: \"[::1]:8080\"")
    }
    guard let address = PeerAddress(host: host) else {
      throw InvalidText(
        "\(quoted(shortened(host))) is not a numeric address; names are not looked up:"
          + " write an IPv4 address, an IPv6 address in brackets, \"localhost\" or \"*\"")
    }
    return address.host
  }

  /// Whether only this machine can connect, as far as the address tells.
  var isLocal: Bool {
    switch self {
    case .tcp(let host, _): host == "::1" || host.hasPrefix("127.")
    // Who can reach an inherited socket is for its unit to say.
    case .unix, .inherited: true
    }
  }
}
