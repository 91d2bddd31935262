// Who a request came from, as proxies wrote it: RFC 7239 §4, and X-Forwarded-For.

import Testing

@testable import WebSocketProtocol

@Suite("Forwarded requests (RFC 7239)")
struct ForwardedForTests {
  private static func nodes(_ fields: String...) throws -> [String] {
    try #require(receive(RequestText(adding: fields).bytes).accepted).forwardedFor
  }

  @Test("X-Forwarded-For: every element of every field, in order")
  func customary() throws {
    #expect(try Self.nodes() == [])
    #expect(
      try Self.nodes("X-Forwarded-For: 192.0.2.1, [2001:db8::1]:80", "x-forwarded-for:  unknown ")
        == ["192.0.2.1", "[2001:db8::1]:80", "unknown"])
  }

  @Test("Forwarded: the node of each element; one that hides it is empty")
  func standard() throws {
    #expect(
      try Self.nodes(
        "Forwarded: proto=https; FOR=192.0.2.1 ;by=_a, by=_b, for=\"[2001:db8::1]:80\"")
        == ["192.0.2.1", "", "[2001:db8::1]:80"])
    #expect(
      try Self.nodes("Forwarded: for=a;for=b, for, =c, for=\", for=\"\"") == [
        "b", "", "", "\"", "",
      ])
  }

  @Test("A quote that a client opened does not swallow what a proxy appended")
  func openQuote() throws {
    #expect(
      try Self.nodes("Forwarded: for=\"evil, for=192.0.2.1") == ["\"evil", "192.0.2.1"])
  }

  @Test("The standard field counts where there are both")
  func both() throws {
    #expect(
      try Self.nodes("X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.2") == ["192.0.2.2"])
  }

  @Test("The last 32 are kept, and 64 bytes of each")
  func bounds() throws {
    let many = (0..<40).map(String.init).joined(separator: ", ")
    #expect(try Self.nodes("X-Forwarded-For: \(many)") == (8..<40).map(String.init))
    let long = String(repeating: "x", count: 100)
    #expect(try Self.nodes("X-Forwarded-For: \(long)")[0].hasPrefix(long.prefix(50)))
    #expect(try Self.nodes("X-Forwarded-For: \(long)")[0].utf8.count <= 64 + 3)
  }
}
