// IP addresses as text, read strictly: numbers only, no names, no zones, no octal.

/// Reads IP addresses.
public enum IPText {
  /// The four bytes of an IPv4 address: decimal numbers without leading zeros, which some readers
  /// take for octal.
  public static func ipv4(_ text: some StringProtocol) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    let bytes = parts.compactMap { part -> UInt8? in
      guard part.utf8.allSatisfy(HTTPSyntax.isDigit), part == "0" || part.utf8.first != 0x30 else {
        return nil
      }
      return UInt8(part)
    }
    return bytes.count == 4 ? bytes : nil
  }

  /// The sixteen bytes of an IPv6 address (RFC 4291 §2.2): hexadecimal groups, one `::` for zeros,
  /// an IPv4 address at the end.
  public static func ipv6(_ text: some StringProtocol) -> [UInt8]? {
    let halves = halves(of: text)
    guard let head = halves.first.flatMap({ bytes(of: $0, takesIPv4: halves.count == 1) }) else {
      return nil
    }
    if halves.count == 1 { return head.count == 16 ? head : nil }
    // The gap stands for at least one group.
    guard halves.count == 2, let tail = bytes(of: halves[1], takesIPv4: true),
      head.count + tail.count <= 14
    else { return nil }
    return head + Array(repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  /// What is before and behind each `::`; overlapping ones count as two, which makes three parts.
  private static func halves(of text: some StringProtocol) -> [Substring] {
    let text = Substring(text)
    let utf8 = text.utf8
    var gaps: [Substring.Index] = []
    var previous: Substring.Index?
    for index in utf8.indices {
      if utf8[index] == UInt8(ascii: ":"), let previous, utf8[previous] == UInt8(ascii: ":") {
        gaps.append(previous)
      }
      previous = index
    }
    guard let gap = gaps.first else { return [text] }
    if gaps.count > 1 { return [] }
    return [text[..<gap], text[utf8.index(gap, offsetBy: 2)...]]
  }

  private static func bytes(of half: Substring, takesIPv4: Bool) -> [UInt8]? {
    if half.isEmpty { return [] }
    var bytes: [UInt8] = []
    let parts = half.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if takesIPv4, index == parts.count - 1, part.contains(".") {
        guard let last = ipv4(part) else { return nil }
        bytes += last
        continue
      }
      guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(HTTPSyntax.isHexDigit),
        let group = UInt16(part, radix: 16)
      else { return nil }
      bytes += [UInt8(group >> 8), UInt8(truncatingIfNeeded: group)]
    }
    return bytes
  }
}
