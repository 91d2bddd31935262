// Text that decides who is connected to what: routes against a matcher that just tries them all,
// origins, extension offers, addresses.

import RelayCore
import WebSocketProtocol

enum RoutesTarget {
  static func check(_ input: inout FuzzInput) {
    let kind = input.byte() & 3
    // Lines, of which the last is what the others are asked about.
    let lines = input.rest().split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    ).map { String(decoding: $0, as: UTF8.self) }
    let (rules, question) = (lines.dropLast(), lines.last ?? "")
    switch kind {
    case 0: checkRoutes(Array(rules), question)
    case 1: checkOrigin(Array(rules), question)
    case 2: checkOffers(question)
    default: checkAddress(question)
    }
  }

  // MARK: - Routes

  private static func checkRoutes(_ texts: [String], _ path: String) {
    // The handshake lets no other path through, which its own target checks.
    guard path.hasPrefix("/"), path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return }
    var patterns: [RoutePattern] = []
    for text in texts {
      guard let pattern = try? RoutePattern(parsing: text) else { continue }
      expect(pattern.description == text, "\(text) is shown as \(pattern)")
      // No two of a table match the same paths: the configuration sees to it.
      if !patterns.contains(where: { $0.matchesSamePaths(as: pattern) }) {
        patterns.append(pattern)
      }
    }
    let table = RouteTable(patterns.map { Route(pattern: $0, mode: .echo) })
    let reversed = RouteTable(patterns.reversed().map { Route(pattern: $0, mode: .echo) })
    let found = table.match(path).map { table.routes[$0].pattern }
    expect(reversed.match(path).map { reversed.routes[$0].pattern } == found, "order decides")
    let matching = patterns.filter { matches($0, path) }
    guard let found else {
      expect(matching.isEmpty, "\(path) is served by \(matching), but not found")
      return
    }
    expect(matching.contains(found), "\(path) is not served by \(found)")
    if let exact = matching.first(where: { !$0.hasParameters }) {
      expect(found == exact, "\(found) before \(exact)")
    }
  }

  private static func matches(_ pattern: RoutePattern, _ path: String) -> Bool {
    var rest = Array(path.utf8)[...]
    for segment in pattern.segments {
      guard rest.popFirst() == UInt8(ascii: "/") else { return false }
      if segment == .rest { return !rest.isEmpty }
      let part = rest.prefix { $0 != UInt8(ascii: "/") }
      rest = rest.dropFirst(part.count)
      switch segment {
      case .literal(let text): if !part.elementsEqual(text.utf8) { return false }
      case .parameter: if part.isEmpty { return false }
      case .rest: return false
      }
    }
    return rest.isEmpty
  }

  // MARK: - Origins

  private static func checkOrigin(_ entries: [String], _ origin: String) {
    let folded = asciiLowercased(origin)
    // The configuration takes no other entries.
    let entries = entries.filter { $0.utf8.allSatisfy { $0 < 0x80 } }
    let isAllowed = entries.contains { entry in
      let entry = asciiLowercased(entry)
      // In an entry with a wildcard: what stands in its place is one label.
      guard let star = entry.firstRange(of: Array("://*.".utf8)) else { return entry == folded }
      let (head, tail) = (entry[..<(star.lowerBound + 3)], entry[(star.upperBound - 1)...])
      guard folded.count > head.count + tail.count, folded.starts(with: head),
        folded.suffix(tail.count).elementsEqual(tail)
      else { return false }
      return folded[head.count..<(folded.count - tail.count)].allSatisfy {
        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
      }
    }
    expect(OriginRule.allows(origin, entries) == isAllowed, "\(origin): not \(isAllowed)")
  }

  private static func asciiLowercased(_ text: String) -> [UInt8] {
    text.utf8.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
  }

  // MARK: - Extensions

  private static func checkOffers(_ value: String) {
    guard let offers = offers(value) else { return }
    // What was understood is written in a way that is understood in the same way.
    let written = offers.map(\.description).joined(separator: ", ")
    expect(self.offers(written) == offers, "\(offers) from \(value), not from \(written)")
    for preference in [.withoutContext, .withContext(maximumWindowBits: 12)] as [DeflatePreference]
    {
      guard let agreed = DeflateParameters.negotiate(offers, preference) else { continue }
      expect((9...15).contains(agreed.serverMaximumWindowBits), "\(agreed)")
      expect((8...15).contains(agreed.clientMaximumWindowBits), "\(agreed)")
      let response = agreed.response.description
      expect(self.offers(response) == [agreed.response], "\(response) is no extension")
    }
  }

  /// The offers of a request with this header field; nil if it is refused.
  private static func offers(_ value: String) -> [ExtensionOffer]? {
    var head = "GET / HTTP/1.1\r\nHost: relay.example\r\nUpgrade: websocket\r\n"
    head += "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: \(value)\r\n\r\n"
    let bytes = Array(head.utf8)
    let progress = bytes.inExactMemory {
      OpeningHandshake.receive($0, searchedByteCount: 0, limits: HandshakeLimits())
    }
    guard case .request(let request, bytes.count) = progress else { return nil }
    return request.extensions
  }

  // MARK: - Addresses

  private static func checkAddress(_ text: String) {
    if let address = PeerAddress(text) {
      expect(PeerAddress(address.description) == address, "\(text), \(address)")
      let host = PeerAddress(host: address.host)
      expect(host?.high == address.high && host?.low == address.low, "\(text), \(address.host)")
    }
    if let canonical = PeerAddress.canonicalIPv6(text) {
      expect(PeerAddress.canonicalIPv6(canonical) == canonical, "\(text), \(canonical)")
      expect(IPText.ipv6(canonical) == IPText.ipv6(text), "\(text), \(canonical)")
    }
  }
}
