// Reloads of a running engine: listeners come and go, routes change under traffic.

import CLinux
import Glibc
import RelayCore
import Synchronization
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("Reload")
  struct ReloadTests {
    private static let second = ListenAddress.tcp(host: "127.0.0.2", port: 0)

    private func isListening(_ address: SocketAddress) -> Bool {
      (try? Client(address)) != nil
    }

    @Test("Listeners are added, kept and removed; connections of a removed one stay")
    func listeners() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let first = try test.address()
      let stays = try test.open("/echo")
      try test.engine.reload(
        TestEngine.settings(listen: [TestEngine.loopback, Self.second]))
      let second = try test.address(1, host: "127.0.0.2")
      for address in [first, second, first, second] {
        let client = try Client.open(address, "/echo")
        try client.send("hello")
        #expect(try client.next() == .text("hello"))
      }
      try test.engine.reload(TestEngine.settings(listen: [Self.second]))
      #expect(Wait.until { !isListening(first) }, "a removed listener still accepts")
      #expect(isListening(second))
      try stays.send("still here")
      #expect(try stays.next() == .text("still here"))
      try stays.sendClose()
      #expect(try stays.finishClosing() == 1000)
      let closed = test.log.wait { $0.closed.contains { $0.codeSent != nil } }.closed
      #expect(
        closed.first { $0.codeSent != nil }?.listener == TestEngine.loopback.description,
        "the record of a removed listener's connection has lost its name")
    }

    @Test("An address may be replaced by one that it is part of, and the other way round")
    func overlap() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let port = try #require(test.engine.listeners[0].boundPort)
      let stays = try test.open("/echo")
      // Of each: whether 127.0.0.1 and ::1 are part of it.
      let addresses = [
        ("*", true, true), ("127.0.0.1", true, false), ("0.0.0.0", true, false),
        ("*", true, true), ("::1", false, true), ("::", false, true),
        ("*", true, true), ("::", false, true),
      ]
      let ipv4 = try #require(SocketAddress(numericHost: "127.0.0.1", port: port))
      let ipv6 = try #require(SocketAddress(numericHost: "::1", port: port))
      for (host, servesIPv4, servesIPv6) in addresses {
        let address = ListenAddress.tcp(host: host, port: port)
        try test.engine.reload(TestEngine.settings(listen: [address]))
        #expect(test.engine.waitUntilHeard(timeout: .seconds(10)))
        #expect(Wait.until { isListening(ipv4) == servesIPv4 }, "\(host)")
        #expect(Wait.until { isListening(ipv6) == servesIPv6 }, "\(host)")
        let client = try Client.open(servesIPv4 ? ipv4 : ipv6, "/echo")
        try client.send("hello")
        #expect(try client.next() == .text("hello"))
        // The port is shared among ours alone, and for that moment alone.
        let error = #expect(throws: SystemCallError.self) { try TestEngine(listen: [address]) }
        #expect(error?.errno == EADDRINUSE)
      }
      try stays.send("still here")
      #expect(try stays.next() == .text("still here"))
    }

    @Test("Who has connected to a listener that a reload removes is served")
    func lastOnes() throws {
      let test = try TestEngine(workers: 1)
      defer { test.stop() }
      let (isHeld, mayGoOn) = (try Bell(), try Bell())
      _ = test.engine.probe {
        isHeld.ring()
        _ = mayGoOn.wait(.seconds(10))
      }
      #expect(isHeld.wait(.seconds(10)))
      let clients = try (0..<100).map { _ in try Client(try test.address()) }
      for client in clients { try client.request("/echo") }
      try test.engine.reload(TestEngine.settings(listen: [Self.second]))
      mayGoOn.ring()
      for client in clients {
        try client.awaitOpen()
        try client.send("hello")
        #expect(try client.next() == .text("hello"))
      }
    }

    @Test("What stays is in the way of an address that it is part of")
    func overlapWithWhatStays() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let port = try #require(test.engine.listeners[0].boundPort)
      let listen = [TestEngine.loopback, .tcp(host: "*", port: port)]
      let error = #expect(throws: SystemCallError.self) {
        try test.engine.reload(TestEngine.settings(listen: listen))
      }
      #expect(error == SystemCallError("bind", errno: EADDRINUSE, subject: "*:\(port)"))
    }

    @Test("A reload that fails changes nothing")
    func failure() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let before = test.engine.listeners.map(\.address)
      let other = try TestEngine()
      defer { other.stop() }
      let busy = ListenAddress.tcp(
        host: "127.0.0.1", port: try #require(other.engine.listeners[0].boundPort))
      let routes = [TestEngine.route("/other", .echo) { _ in }]
      let settings = TestEngine.settings(routes: routes, listen: [Self.second, busy])
      #expect(throws: SystemCallError.self) { try test.engine.reload(settings) }
      #expect(test.engine.listeners.map(\.address) == before)
      let client = try test.open("/echo")
      try client.send("as before")
      #expect(try client.next() == .text("as before"))
      #expect(throws: ClientError.self) { try test.open("/other") }
    }

    @Test("A connection accepted for a worker that has not heard of its listener waits")
    func newListener() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let pair = try LifecycleTests.pair()
      defer { close(pair.peer) }
      test.engine.exchange.keep(1)
      test.engine.exchange.mailboxes[1].post(
        .connection(socket: pair.relay, peer: .unix, listener: 1))
      // The worker has read it when it answers what was posted after it.
      #expect(try test.counters().acceptedCount == 0)
      try test.engine.reload(
        TestEngine.settings(listen: [TestEngine.loopback, Self.second]))
      #expect(Wait.until { (try? test.counters().acceptedCount) == 1 })
      close(pair.peer)
      let record = test.log.closed(1).first
      #expect(record?.listener == Self.second.description)
    }

    @Test("A removed route closes its connections, a changed one applies at once")
    func routes() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let echo = try test.open("/echo")
      let member = try test.open("/all")
      let routes = [TestEngine.route("/echo") { $0.maximumMessageByteCount = 4 }]
      try test.engine.reload(TestEngine.settings(routes: routes))
      // All workers have heard of it when all have answered.
      _ = try test.counters()
      #expect(try member.finishClosing() == 1001)
      try echo.send("12345")
      #expect(try echo.finishClosing() == 1009)
      let closed = test.log.closed(2)
      #expect(Set(closed.map(\.cause)) == [.routeRemoved, .messageTooBig])
    }

    @Test("50 reloads under traffic lose nothing")
    func underTraffic() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let address = try test.address()
      let clientCount = 4
      let active = Atomic<Int>(clientCount)
      try inThreads(clientCount + 1) { index in
        if index < clientCount {
          defer { active.subtract(1, ordering: .relaxed) }
          let client = try Client.open(address, "/echo")
          for number in 0..<2000 {
            try client.send("message \(number)")
            let reply = try client.next()
            if reply != .text("message \(number)") { throw ClientError.refused("\(reply)") }
          }
        } else {
          for number in 0..<50 {
            var routes = TestEngine.routes
            routes[0].idleTimeout = .seconds(60 + number)
            if number % 2 == 1 { routes.swapAt(0, 2) }
            let listen = [TestEngine.loopback] + (number % 3 == 0 ? [Self.second] : [])
            try test.engine.reload(TestEngine.settings(routes: routes, listen: listen))
            _ = try test.counters()
          }
          #expect(active.load(ordering: .relaxed) > 0, "the traffic ended before the reloads")
        }
      }
      #expect(try test.counters().receivedMessageCount == UInt64(clientCount * 2000))
    }
  }
}
