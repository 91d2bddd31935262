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
      guard let address = IPv6Text(parsing: inner) else {
        throw InvalidText("\(quoted(inner)) is not an IPv6 address")
      }
      return address.description
    }
    if host.contains(":") {
      throw InvalidText("an IPv6 address stands in brackets: \"[::1]:8080\"")
    }
    guard let address = IPv4Text.parse(host) else {
      throw InvalidText(
        "\(quoted(shortened(host))) is not a numeric address; names are not looked up:"
          + " write an IPv4 address, an IPv6 address in brackets, \"localhost\" or \"*\"")
    }
    return address.map(String.init).joined(separator: ".")
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

/// Dotted quads.
enum IPv4Text {
  /// Four numbers without leading zeros, which some readers take for octal.
  static func parse(_ text: String) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    let numbers = parts.compactMap { part -> UInt8? in
      let isPlain = part.utf8.allSatisfy { (0x30...0x39).contains($0) }
      guard isPlain, part == "0" || part.utf8.first != 0x30 else { return nil }
      return UInt8(part)
    }
    return numbers.count == 4 ? numbers : nil
  }
}

/// IPv6 addresses, so that two spellings of one address are seen to be the same.
struct IPv6Text: Equatable, CustomStringConvertible {
  var words: [UInt16]

  /// RFC 4291 §2.2: hexadecimal words, one `::` for zeros, a dotted quad at the end.
  init?(parsing text: String) {
    let halves = Self.halves(of: text)
    guard (1...2).contains(halves.count) else { return nil }
    guard let head = Self.words(of: halves[0], takesQuad: halves.count == 1) else { return nil }
    if halves.count == 1 {
      guard head.count == 8 else { return nil }
      words = head
      return
    }
    guard let tail = Self.words(of: halves[1], takesQuad: true), head.count + tail.count <= 7
    else { return nil }
    words = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
  }

  private static func halves(of text: String) -> [Substring] {
    let bytes = Array(text.utf8)
    let colon = UInt8(ascii: ":")
    let gaps = bytes.indices.dropLast().filter { bytes[$0] == colon && bytes[$0 + 1] == colon }
    guard let gap = gaps.first else { return [Substring(text)] }
    if gaps.count > 1 { return [] }
    let start = text.utf8.index(text.startIndex, offsetBy: gap)
    return [text[..<start], text[text.utf8.index(start, offsetBy: 2)...]]
  }

  private static func words(of half: Substring, takesQuad: Bool) -> [UInt16]? {
    if half.isEmpty { return [] }
    var words: [UInt16] = []
    let parts = half.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if takesQuad, index == parts.count - 1, part.contains(".") {
        guard let quad = IPv4Text.parse(String(part)) else { return nil }
        words.append(UInt16(quad[0]) << 8 | UInt16(quad[1]))
        words.append(UInt16(quad[2]) << 8 | UInt16(quad[3]))
        continue
      }
      let isHexadecimal = part.utf8.allSatisfy { Unicode.Scalar($0).properties.isASCIIHexDigit }
      guard (1...4).contains(part.utf8.count), isHexadecimal, let word = UInt16(part, radix: 16)
      else { return nil }
      words.append(word)
    }
    return words
  }

  /// RFC 5952: lower case, the longest run of two or more zero words as `::`.
  var description: String {
    var best = 0..<0
    var start: Int?
    for index in 0...words.count {
      if index < words.count, words[index] == 0 {
        start = start ?? index
      } else if let first = start {
        if index - first > max(1, best.count) { best = first..<index }
        start = nil
      }
    }
    let written = words.map { String($0, radix: 16) }
    if best.isEmpty { return written.joined(separator: ":") }
    return written[..<best.lowerBound].joined(separator: ":") + "::"
      + written[best.upperBound...].joined(separator: ":")
  }
}
