// Connections through proxies: whose they are, and whom the proxies can speak for.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Proxies")
struct ProxyTests {
  /// The address that the driver gives its first connection.
  private static let socketPeer = "192.0.2.7:101"

  private static func driver(_ change: (inout ListenerPolicy) -> Void) -> CoreDriver {
    var policy = ListenerPolicy(name: "test")
    change(&policy)
    return CoreDriver(Route.builtIn, listeners: [policy])
  }

  private static func networks(_ texts: String...) -> [Network] {
    texts.compactMap { text in
      let parts = text.split(separator: "/")
      guard let address = PeerAddress(host: parts[0]), let bits = Int(parts[1]) else { return nil }
      return Network(address, prefixBitCount: bits)
    }
  }

  /// Peer and proxy of the record of a connection with these header fields.
  private static func record(
    _ headers: [String], trusted: [Network]
  ) throws -> (peer: String, via: String?) {
    let driver = Self.driver { $0.trustedProxies = trusted }
    let peer = driver.connect("/echo", headers)
    #expect(peer.head.contains(" 101 "))
    driver.stop()
    #expect(driver.leftovers == [])
    let record = try #require(driver.recording.closed.first)
    return (record.peer.description, record.via?.description)
  }

  @Test(
    "The nearest that is not trusted is the client",
    arguments: [
      (["X-Forwarded-For: 203.0.113.9"], "203.0.113.9"),
      (["X-Forwarded-For: 203.0.113.9:4711"], "203.0.113.9:4711"),
      (["X-Forwarded-For: 1.1.1.1, 203.0.113.9"], "203.0.113.9"),
      (["X-Forwarded-For: 203.0.113.9, 192.0.2.50"], "203.0.113.9"),
      (["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
      (["X-Forwarded-For: 2001:db8::9"], "2001:db8::9"),
      (["Forwarded: for=203.0.113.9"], "203.0.113.9"),
      (["Forwarded: proto=https;FOR=\"[2001:db8::9]:4711\";by=10.0.0.1"], "[2001:db8::9]:4711"),
      (["Forwarded: for=1.1.1.1, for=203.0.113.9;host=x"], "203.0.113.9"),
      (["Forwarded: for=203.0.113.9", "X-Forwarded-For: 9.9.9.9"], "203.0.113.9"),
      (["X-Forwarded-For: 192.0.2.50, 10.1.2.3"], "192.0.2.50"),
      // A client cannot swallow what its proxy appends by opening a quote.
      (["Forwarded: for=\"evil, for=203.0.113.9"], "203.0.113.9"),
    ])
  func client(headers: [String], expected: String) throws {
    let trusted = Self.networks("192.0.2.0/24", "10.0.0.0/8")
    let record = try Self.record(headers, trusted: trusted)
    #expect(record.peer == expected)
    #expect(record.via == Self.socketPeer)
  }

  @Test(
    "What is no address, and nothing at all, leave the proxy as the peer",
    arguments: [
      [], ["X-Forwarded-For: unknown"], ["X-Forwarded-For: 203.0.113.9, _hidden"],
      ["Forwarded: for=unknown"], ["Forwarded: by=203.0.113.9"], ["X-Forwarded-For: 1.2.3.4:99999"],
      ["Forwarded: for=203.0.113.9, proto=https"],
    ])
  func unknown(headers: [String]) throws {
    let record = try Self.record(headers, trusted: Self.networks("192.0.2.0/24"))
    #expect(record.peer == Self.socketPeer && record.via == nil)
  }

  @Test("A peer that is not trusted speaks for nobody")
  func untrusted() throws {
    let headers = ["X-Forwarded-For: 203.0.113.9"]
    for trusted in [[], Self.networks("10.0.0.0/8"), Self.networks("192.0.2.8/32"), [.unix]] {
      let record = try Self.record(headers, trusted: trusted)
      #expect(record.peer == Self.socketPeer && record.via == nil)
    }
  }

  @Test("Refused handshakes name the client, too")
  func refusal() {
    let driver = Self.driver { $0.trustedProxies = Self.networks("192.0.2.0/24") }
    _ = driver.connect("/nowhere", ["X-Forwarded-For: 203.0.113.9"])
    driver.stop()
    let record = driver.recording.refused.first
    #expect(record?.peer.host == "203.0.113.9" && record?.via?.description == Self.socketPeer)
  }

  @Test("With proxy_protocol the header names the client", arguments: [1, 3, 1000])
  func proxyHeader(receiveLimit: Int) {
    let driver = Self.driver { $0.requiresProxyHeader = true }
    driver.receiveLimit = receiveLimit
    let peer = driver.accept()
    let header = Array("PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n".utf8)
    peer.send(header + CoreDriver.request("/echo") + CoreFrame.text("at once").masked())
    #expect(peer.texts == ["at once"])
    driver.stop()
    #expect(driver.leftovers == [])
    let record = driver.recording.closed.first
    #expect(record?.peer.description == "203.0.113.9:4711")
    #expect(record?.via?.description == Self.socketPeer)
  }

  @Test("Without the header there is no connection, and with it none where it is not expected")
  func missingOrUnexpected() {
    let strict = Self.driver { $0.requiresProxyHeader = true }
    let bare = strict.connect("/echo")
    #expect(bare.head.hasPrefix("HTTP/1.1 400 "))
    #expect(strict.recording.refused.first?.rule.contains("no PROXY protocol header") == true)
    let plain = Self.driver { _ in }
    let prefixed = plain.accept()
    prefixed.send(Array("PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n".utf8))
    #expect(prefixed.head.hasPrefix("HTTP/1.1 400 "))
    #expect(plain.recording.refused.first?.rule.contains("without proxy_protocol") == true)
    for driver in [strict, plain] {
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }

  @Test("A header that does not end is refused at the deadline of the handshake")
  func slowHeader() {
    let driver = Self.driver { $0.requiresProxyHeader = true }
    let peer = driver.accept()
    peer.send(Array("PROXY TCP4 203".utf8))
    driver.advance(.seconds(11))
    #expect(peer.head.hasPrefix("HTTP/1.1 408 "))
    driver.stop()
    #expect(driver.leftovers == [])
  }
}

@Suite("Connections per peer")
struct PeerLimitTests {
  private static func driver(_ maximum: Int, _ change: (inout Route) -> Void = { _ in })
    -> CoreDriver
  {
    var route = Route(pattern: RoutePattern(literal: "/a"), mode: .echo)
    route.maximumConnectionCountPerPeer = maximum
    change(&route)
    var policy = ListenerPolicy(name: "test")
    policy.trustedProxies = [Network(PeerAddress.testNetwork, prefixBitCount: 24)]
    return CoreDriver(
      [route, Route(pattern: RoutePattern(literal: "/b"), mode: .echo)], listeners: [policy])
  }

  private static func connect(_ driver: CoreDriver, _ client: String, _ path: String = "/a")
    -> CorePeer
  {
    driver.connect(path, ["X-Forwarded-For: \(client)"])
  }

  @Test("The bound is on each peer and each route, and a connection that ends makes room")
  func bound() {
    let driver = Self.driver(2)
    let first = (0..<2).map { _ in Self.connect(driver, "203.0.113.1") }
    #expect(first.allSatisfy { $0.head.contains(" 101 ") })
    #expect(Self.connect(driver, "203.0.113.1").head.hasPrefix("HTTP/1.1 429 "))
    #expect(Self.connect(driver, "203.0.113.2").head.contains(" 101 "))
    #expect(Self.connect(driver, "203.0.113.1", "/b").head.contains(" 101 "))
    first[0].end()
    #expect(Self.connect(driver, "203.0.113.1").head.contains(" 101 "))
    #expect(Self.connect(driver, "203.0.113.1").head.hasPrefix("HTTP/1.1 429 "))
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("IPv6 counts by the network of 64 bits")
  func ipv6() {
    let driver = Self.driver(1)
    #expect(Self.connect(driver, "2001:db8:0:1::1").head.contains(" 101 "))
    #expect(Self.connect(driver, "2001:db8:0:1:ffff::2").head.hasPrefix("HTTP/1.1 429 "))
    #expect(Self.connect(driver, "2001:db8:0:2::1").head.contains(" 101 "))
    driver.stop()
  }

  @Test("What another bound refuses is not counted")
  func otherBounds() {
    let driver = Self.driver(2) { $0.maximumConnectionCount = 1 }
    let only = Self.connect(driver, "203.0.113.1")
    for _ in 0..<5 {
      #expect(Self.connect(driver, "203.0.113.1").head.hasPrefix("HTTP/1.1 503 "))
    }
    only.end()
    #expect(Self.connect(driver, "203.0.113.1").head.contains(" 101 "))
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A bound that a reload brings or takes counts right ever after")
  func reload() {
    let driver = Self.driver(0)
    let before = Self.connect(driver, "203.0.113.1")
    var routes = driver.shard.table.routes
    routes[0].maximumConnectionCountPerPeer = 1
    driver.shard.reload(routes: RouteTable(routes), listeners: driver.shard.listeners)
    let after = Self.connect(driver, "203.0.113.1")
    #expect(after.head.contains(" 101 "), "those from before do not count")
    #expect(Self.connect(driver, "203.0.113.1").head.hasPrefix("HTTP/1.1 429 "))
    before.end()
    #expect(Self.connect(driver, "203.0.113.1").head.hasPrefix("HTTP/1.1 429 "))
    after.end()
    #expect(Self.connect(driver, "203.0.113.1").head.contains(" 101 "))
    driver.stop()
    #expect(driver.leftovers == [])
  }
}

extension PeerAddress {
  /// Where the driver's connections come from.
  fileprivate static let testNetwork = PeerAddress(
    family: .ipv4, port: 0, high: 0xC000_0200 << 32, low: 0)
}
