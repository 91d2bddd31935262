// Allowed origins and subprotocols as they are written in the file.

import RelayCore

/// A value an Origin header field can have, or a pattern for some.
enum OriginText {
  /// The ports a browser leaves out, and what an operator may write with a scheme.
  private static let defaultPorts = ["http": "80", "https": "443"]

  /// Refuses what no browser ever sends (RFC 6454 §6.2) and so could never match.
  static func check(_ text: String) throws(InvalidText) {
    if text == "null" { return }
    if text == "*" { throw InvalidText("leave the list empty to allow any origin") }
    let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].isEmpty, parts[0].hasSuffix(":") else {
      throw InvalidText("an origin has a scheme and a host, as in \"https://example.org\"")
    }
    let scheme = String(parts[0].dropLast())
    let authority = String(parts[2])
    guard let first = scheme.utf8.first, isLetter(first),
      scheme.utf8.allSatisfy({ isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) })
    else { throw InvalidText("\(quoted(scheme)) is not a scheme in lower case") }
    if authority.contains("/") {
      throw InvalidText("an origin has no path and no \"/\" at its end")
    }
    try check(authority: authority, scheme: scheme)
  }

  private static func check(authority: String, scheme: String) throws(InvalidText) {
    var host = authority
    var port: String?
    if !authority.hasSuffix("]"), let colon = authority.lastIndex(of: ":") {
      host = String(authority[..<colon])
      port = String(authority[authority.index(after: colon)...])
    }
    if let port {
      guard let number = UInt16(port), number > 0, String(number) == port else {
        throw InvalidText("\(quoted(port)) is not a port from 1 to 65535")
      }
      if port == defaultPorts[scheme] {
        throw InvalidText(
          "browsers leave out the default port: write \"\(scheme)://\(host)\"")
      }
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      guard let address = PeerAddress.canonicalIPv6(host.dropFirst().dropLast()) else {
        throw InvalidText("\(quoted(host)) is not an IPv6 address")
      }
      guard "[\(address)]" == host else {
        throw InvalidText("browsers write this address as \"[\(address)]\"")
      }
      return
    }
    try check(host: host)
  }

  private static func check(host: String) throws(InvalidText) {
    let name = host.hasPrefix("*.") ? String(host.dropFirst(2)) : host
    if name.contains("*") {
      throw InvalidText("\"*\" can only be the first label, as in \"https://*.example.org\"")
    }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    let isUsable = labels.allSatisfy { label in
      !label.isEmpty
        && label.utf8.allSatisfy { isLetter($0) || isDigit($0) || "-_".utf8.contains($0) }
    }
    guard isUsable else {
      throw InvalidText(
        "\(quoted(host)) is not a host as browsers send it: lower case, other scripts as \"xn--\"")
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}

/// A subprotocol name.
enum SubprotocolText {
  /// RFC 6455 §4.1: printable ASCII without the separators of RFC 2616.
  static func check(_ text: String) throws(InvalidText) {
    let separators = "()<>@,;:\\\"/[]?={}".utf8
    let isToken = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !separators.contains($0) }
    guard !text.isEmpty, isToken else {
      throw InvalidText(
        "a subprotocol is a name of letters, digits and !#$%&'*+-.^_`|~, as in \"graphql-ws\"")
    }
  }
}
