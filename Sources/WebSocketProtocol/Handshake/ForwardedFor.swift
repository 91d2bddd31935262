// Who a request came from, in the words of the proxies it came through: Forwarded (RFC 7239) and
// X-Forwarded-For. Read here, believed or not elsewhere.

/// The addresses that proxies appended to a request, in the order they stand in it.
struct ForwardedFor {
  private var standard: [String] = []
  private var customary: [String] = []

  /// What is kept of one address: an IPv6 address with brackets and a port has 53 bytes.
  private static let maximumByteCount = 64
  /// How many addresses are kept, the last ones: more proxies there are not.
  private static let maximumCount = 32

  /// Takes an X-Forwarded-For field.
  mutating func takeCustomary(_ value: HeadSlice) {
    for element in value.listElements {
      Self.append(element.text(maximumByteCount: Self.maximumByteCount), to: &customary)
    }
  }

  /// Takes a Forwarded field (RFC 7239 §4).
  ///
  /// Commas separate elements even within quotes: otherwise a client could open a quote in what it
  /// sends, and swallow what the proxy appends. No address has a comma in it.
  mutating func takeStandard(_ value: HeadSlice) {
    for element in value.listElements {
      var node = ""
      for pair in element.split(separator: UInt8(ascii: ";")) {
        let pair = HeadSlice(rebasing: pair).trimmed
        guard let equals = pair.firstIndex(of: UInt8(ascii: "=")),
          pair.head(equals).isTextIgnoringCase("for")
        else { continue }
        node = Self.unquoted(pair.slice(equals + 1..<pair.count))
          .text(maximumByteCount: Self.maximumByteCount)
      }
      // An element without `for` hides who asked, and so what was before it.
      Self.append(node, to: &standard)
    }
  }

  /// The addresses as text, the client's end first. Where a request has both fields, the standard
  /// one counts: a proxy that writes it replaces what a client wrote into the other.
  var nodes: [String] { standard.isEmpty ? customary : standard }

  private static func append(_ text: String, to list: inout [String]) {
    if list.count == maximumCount { list.removeFirst() }
    list.append(text)
  }

  private static func unquoted(_ value: HeadSlice) -> HeadSlice {
    let quote = UInt8(ascii: "\"")
    guard value.count >= 2, value.first == quote, value.last == quote else { return value }
    return value.slice(1..<value.count - 1)
  }
}
