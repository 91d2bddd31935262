// The PROXY protocol's header, both versions, byte by byte.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("PROXY protocol")
struct ProxyHeaderTests {
  static func read(_ bytes: [UInt8]) -> ProxyHeader {
    bytes.withUnsafeBytes { ProxyHeader.read($0) }
  }

  static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]

  /// A header of version 2: command, family, and what follows the length.
  static func version2(_ command: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
    signature + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 0xFF)] + rest
  }

  static let ipv4Addresses: [UInt8] = [192, 0, 2, 7, 10, 0, 0, 1, 0xC8, 0x22, 0x1F, 0x90]
  static let ipv6Addresses: [UInt8] =
    [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
    + [UInt8](repeating: 0xFD, count: 16) + [0xC8, 0x22, 0x1F, 0x90]

  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var bytes: [UInt8]
    var source: ProxyHeader.Source?

    var testDescription: String { name }
  }

  static let source4 = ProxyHeader.Source(address: [192, 0, 2, 7], port: 51234)
  static let source6 = ProxyHeader.Source(
    address: [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1], port: 51234)

  static let good: [Case] = [
    Case(
      name: "1, IPv4", bytes: Array("PROXY TCP4 192.0.2.7 10.0.0.1 51234 8080\r\n".utf8),
      source: source4),
    Case(
      name: "1, IPv6", bytes: Array("PROXY TCP6 2001:db8::1 fd00::1 51234 8080\r\n".utf8),
      source: source6),
    Case(name: "1, unknown", bytes: Array("PROXY UNKNOWN\r\n".utf8), source: nil),
    Case(
      name: "1, unknown and more", bytes: Array("PROXY UNKNOWN ff::1 a b c d\r\n".utf8),
      source: nil),
    Case(name: "2, IPv4", bytes: version2(0x21, 0x11, ipv4Addresses), source: source4),
    Case(name: "2, IPv6", bytes: version2(0x21, 0x21, ipv6Addresses), source: source6),
    Case(
      name: "2, with more behind the addresses",
      bytes: version2(0x21, 0x11, ipv4Addresses + [UInt8](repeating: 4, count: 300)),
      source: source4),
    Case(name: "2, local", bytes: version2(0x20, 0x00, []), source: nil),
    Case(name: "2, local with addresses", bytes: version2(0x20, 0x11, ipv4Addresses), source: nil),
    Case(name: "2, a Unix socket", bytes: version2(0x21, 0x31, Array(repeating: 0, count: 216))),
    Case(name: "2, unspecified", bytes: version2(0x21, 0x00, [])),
  ]

  @Test("A header tells the client, at every split, and no more is taken", arguments: good)
  func understood(test: Case) {
    let request = Array("GET / HTTP/1.1\r\n".utf8)
    for count in 0..<test.bytes.count {
      #expect(Self.read(Array(test.bytes[..<count])) == .incomplete, "\(count) bytes")
    }
    for rest in 0...request.count {
      #expect(
        Self.read(test.bytes + request[..<rest])
          == .complete(source: test.source, byteCount: test.bytes.count))
    }
  }

  static let bad: [String] = [
    "GET / HTTP/1.1\r\n", "PROXY", "PROXY ", "PROXY TCP4\r\n", "PROXY \r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 51234\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 51234 8080 x\r\n",
    "PROXY TCP4  192.0.2.7 10.0.0.1 51234 8080\r\n",
    "PROXY TCP4 192.0.2.256 10.0.0.1 51234 8080\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 65536 8080\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 -1 8080\r\n",
    "PROXY TCP6 192.0.2.7 10.0.0.1 1 8080\r\n", "PROXY TCP5 192.0.2.7 10.0.0.1 1 8080\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 51234 8080\n", "proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
    "PROXY UNKNOWN" + String(repeating: " ", count: 200) + "\r\n", "\r\n\r\nGET",
    "\u{16}\u{3}\u{1}",
  ]

  @Test("Everything else is refused, or waited for", arguments: bad)
  func refused(text: String) {
    switch Self.read(Array(text.utf8)) {
    case .invalid(let rule): #expect(!rule.isEmpty)
    case .incomplete: #expect("PROXY ".hasPrefix(text))
    case .complete: Issue.record("taken: \(text)")
    }
  }

  @Test("Wrong versions, commands and lengths")
  func badVersion2() {
    for bytes in [
      Self.signature + [0x11, 0x11, 0, 12], Self.signature + [0x31, 0x11, 0, 12],
      Self.signature + [0x22, 0x11, 0, 12], Self.signature + [0x21, 0x11, 0xFF, 0xFF],
      Self.version2(0x21, 0x11, Array(Self.ipv4Addresses.dropLast())),
      Self.version2(0x21, 0x21, Self.ipv4Addresses), Self.version2(0x21, 0x11, []),
    ] {
      guard case .invalid = Self.read(bytes) else {
        Issue.record("taken: \(bytes)")
        continue
      }
    }
  }

  @Test("Noise never traps")
  func noise() {
    var random = SeededGenerator(seed: 1)
    for prefix in [[], Self.signature, Array("PROXY TCP6 ".utf8)] {
      for _ in 0..<5000 {
        let noise = (0..<Int.random(in: 0...40, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
        _ = Self.read(prefix + noise)
      }
    }
  }
}

@Suite("IP addresses as text")
struct IPTextTests {
  @Test(
    "Every spelling of one address",
    arguments: [
      "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:db8:0000::0001", "2001:db8::0.0.0.1",
      "2001:db8:0:0::0:1",
    ])
  func ipv6(text: String) {
    #expect(IPText.ipv6(text) == [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1])
  }

  @Test("Edges", arguments: [("::", 0), ("::1", 1), ("1::", 0), ("::ffff:1.2.3.4", 4)])
  func edges(text: String, last: UInt8) { #expect(IPText.ipv6(text)?.last == last) }

  @Test(
    "No addresses",
    arguments: [
      "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1::", "1:2:3:4:5:6:7::8",
      "12345::", "g::", "::1%eth0", "1.2.3.4", "::1.2.3", "1.2.3.4::", " ::1", "::-1", "::+1",
    ])
  func notIPv6(text: String) { #expect(IPText.ipv6(text) == nil) }

  @Test(
    "No IPv4 addresses",
    arguments: [
      "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.+4", "1..3.4", "1.2.3.4 ",
      "a.b.c.d",
    ])
  func notIPv4(text: String) {
    #expect(IPText.ipv4(text) == nil)
    #expect(IPText.ipv4("255.0.10.9") == [255, 0, 10, 9])
  }
}
