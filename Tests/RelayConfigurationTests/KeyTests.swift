// Every key, with a value it takes and one it does not.

import RelayCore
import Testing

@testable import RelayConfiguration

/// A key with a good value that is not its default where there is another, and a bad one.
struct KeySample: CustomTestStringConvertible {
  var section: Section
  var name: String
  var good: String
  var bad: String

  init(_ section: Section, _ name: String, good: String, bad: String) {
    self.section = section
    self.name = name
    self.good = good
    self.bad = bad
  }

  var testDescription: String { "\(section.heading) \(name)" }

  static let general: [KeySample] = [
    KeySample(.top, "threads", good: "4", bad: "-1"),
    KeySample(.top, "busy_poll", good: "true", bad: "\"50us\""),
    KeySample(.top, "max_connections", good: "5000", bad: "\"many\""),
    KeySample(.top, "max_buffer_memory", good: "\"1GiB\"", bad: "\"15MiB\""),
    KeySample(.log, "target", good: "\"journal\"", bad: "\"syslog\""),
    KeySample(.log, "format", good: "\"json\"", bad: "1"),
    KeySample(.log, "level", good: "\"debug\"", bad: "\"trace\""),
    KeySample(.log, "peer_details", good: "false", bad: "0"),
    KeySample(.drain, "grace", good: "\"0s\"", bad: "\"61m\""),
    KeySample(.drain, "spread", good: "\"1m\"", bad: "60"),
    KeySample(.listen, "address", good: "\"[::1]:9000\"", bad: "\"9000\""),
    KeySample(.listen, "handshake_timeout", good: "\"3s\"", bad: "\"0s\""),
    KeySample(.listen, "max_request_size", good: "\"16KiB\"", bad: "\"16\""),
    KeySample(.listen, "proxy_protocol", good: "true", bad: "1"),
    KeySample(
      .listen, "trusted_proxies", good: "[\"10.0.0.0/8\", \"2001:db8::/32\", \"unix\"]",
      bad: "\"10.0.0.0/8\""),
    KeySample(
      .listen, "tls",
      good: "[{ certificate = \"/c\", key = \"credential:k\" },"
        + " { certificate = \"/d\", key = \"/l\" }]",
      bad: "\"/c.pem\""),
    KeySample(.route, "path", good: "\"/a/{b}/*\"", bad: "\"a\""),
    KeySample(.route, "mode", good: "\"broadcast\"", bad: "\"fanout\""),
  ]

  static let route: [KeySample] = [
    KeySample(.route, "include_sender", good: "true", bad: "\"true\""),
    KeySample(.route, "accept", good: "\"text\"", bad: "\"json\""),
    KeySample(.route, "subprotocols", good: "[\"a\", \"b\"]", bad: "\"a\""),
    KeySample(.route, "origins", good: "[\"https://*.example.org\", \"null\"]", bad: "{}"),
    KeySample(.route, "idle_timeout", good: "\"1m\"", bad: "\"721h\""),
    KeySample(.route, "idle_direction", good: "\"received\"", bad: "\"sent\""),
    KeySample(.route, "idle_close_code", good: "4000", bad: "1005"),
    KeySample(.route, "ping_interval", good: "\"30s\"", bad: "\"5ms\""),
    KeySample(.route, "ping_timeout", good: "\"250ms\"", bad: "1.5"),
    KeySample(.route, "close_timeout", good: "\"1s\"", bad: "\"0s\""),
    KeySample(.route, "max_lifetime", good: "\"24h\"", bad: "\"1 h\""),
    KeySample(.route, "max_message_size", good: "\"64KiB\"", bad: "65536"),
    KeySample(.route, "max_message_rate", good: "100", bad: "1000001"),
    KeySample(.route, "max_connections", good: "10", bad: "[10]"),
    KeySample(.route, "max_connections_per_peer", good: "5", bad: "-1"),
    KeySample(.route, "send_buffer", good: "\"2MiB\"", bad: "\"1B\""),
    KeySample(.route, "slow_consumer", good: "\"drop-oldest\"", bad: "\"drop\""),
    KeySample(.route, "compression", good: "\"on\"", bad: "\"gzip\""),
  ]

  static let all =
    general + route
    + route.map { KeySample(.defaults, $0.name, good: $0.good, bad: $0.bad) }

  /// A file with this key, indented by two, on its third line.
  func file(_ value: String) -> String {
    let opening = section == .top ? "\n\n" : "\n\(section.heading)\n"
    let line = "  \(name) = \(value)"
    let required: [(Section, String, String)] = [
      (.listen, "address", "\"127.0.0.1:1\""), (.route, "path", "\"/\""),
      (.route, "mode", "\"broadcast\""),
    ]
    let others = required.filter { $0.0 == section && $0.1 != name }
    return opening + line + "\n" + others.map { "\($0.1) = \($0.2)\n" }.joined()
  }
}

@Suite("Keys")
struct KeyTests {
  @Test("every key of the description has a sample") func completeness() {
    for section in Section.allCases {
      let described = Keys.descriptions(of: section).map(\.name)
      #expect(Set(KeySample.all.filter { $0.section == section }.map(\.name)) == Set(described))
    }
  }

  @Test("a good value is taken, and shown with its line", arguments: KeySample.all)
  func good(sample: KeySample) throws {
    let loaded = try load(sample.file(sample.good))
    let origin = sample.section == .defaults ? "[defaults] t.conf:3" : "t.conf:3"
    let line = "\(sample.name) = \(sample.good)  # \(origin)\n"
    // Only the built-in routes that broadcast take include_sender.
    #expect(loaded.effectiveText().contains(line))
  }

  @Test("a bad value is one error at its place", arguments: KeySample.all)
  func bad(sample: KeySample) {
    let column = 3 + sample.name.utf8.count + 3
    let found = diagnostics(sample.file(sample.bad))
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("t.conf:3:\(column): error: \(sample.name)") == true, "\(found)")
  }

  @Test("values reach the fields they are for") func fields() throws {
    let text =
      KeySample.general.filter { $0.section == .top }.map { "\($0.name) = \($0.good)\n" }.joined()
      + "[[listen]]\naddress = \"unix:/run/x\"\nhandshake_timeout = \"1m30s\"\n"
      + "[[route]]\npath = \"/r/*\"\nmode = \"broadcast\"\n"
      + KeySample.route.map { "\($0.name) = \($0.good)\n" }.joined()
    let configuration = try load(text).configuration
    #expect(configuration.threadCount == 4)
    #expect(configuration.pollsBusily)
    #expect(configuration.maximumConnectionCount == 5000)
    #expect(configuration.maximumBufferMemory == 1 << 30)
    #expect(configuration.listeners[0].address == .unix(path: "/run/x"))
    #expect(configuration.listeners[0].handshakeTimeout == .seconds(90))
    var route = Route(pattern: RoutePattern(segments: [.literal("r"), .rest]), mode: .broadcast)
    route.includesSender = true
    route.accepts = .text
    route.subprotocols = ["a", "b"]
    route.origins = ["https://*.example.org", "null"]
    route.idleTimeout = .seconds(60)
    route.idleDirection = .received
    route.idleCloseCode = .init(rawValue: 4000)
    route.pingInterval = .seconds(30)
    route.pingTimeout = .milliseconds(250)
    route.closeTimeout = .seconds(1)
    route.maximumLifetime = .seconds(86_400)
    route.maximumMessageByteCount = 64 << 10
    route.maximumMessageRate = 100
    route.maximumConnectionCount = 10
    route.maximumConnectionCountPerPeer = 5
    route.maximumOutboundByteCount = 2 << 20
    route.slowConsumerPolicy = .dropOldest
    route.compression = .on
    #expect(configuration.routes == [route])
  }
}
