// Reload, drain and stop of a shard that has connections in all states.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Lifecycle")
struct LifecycleTests {
  private static func route(
    _ path: String, _ mode: RouteMode = .echo, _ change: (inout Route) -> Void = { _ in }
  ) -> Route {
    var route = Route(pattern: RoutePattern(literal: path), mode: mode)
    change(&route)
    return route
  }

  private static func reload(_ driver: CoreDriver, _ routes: [Route]) {
    driver.turn {
      driver.shard.reload(routes: RouteTable(routes), listeners: [ListenerPolicy(name: "new")])
    }
    driver.settle()
  }

  @Test("New limits hold for live sessions, whatever place their route has now")
  func limits() {
    let driver = CoreDriver([Self.route("/a"), Self.route("/b")])
    let a = driver.connect("/a")
    let b = driver.connect("/b")
    Self.reload(
      driver,
      [
        Self.route("/c"), Self.route("/b") { $0.maximumMessageByteCount = 3 },
        Self.route("/a") { $0.idleTimeout = .seconds(5) },
      ])
    b.send(.text("1234"))
    #expect(b.closeCode == 1009)
    a.send(.text("1234"))
    #expect(a.texts == ["1234"])
    driver.advance(.milliseconds(5070))
    #expect(a.closeCode == 1001)
    #expect(driver.connect("/c").head.hasPrefix("HTTP/1.1 101 "))
    driver.stop()
    #expect(Set(driver.recording.closed.map(\.route)) == ["/a", "/b", "/c"])
    #expect(driver.recording.closed.allSatisfy { $0.listener == "new" })
    #expect(driver.leftovers == [])
    #expect(driver.shard.occupancies.allSatisfy { $0.count == 0 })
  }

  @Test("A removed route and one of another mode close their sessions", arguments: [false, true])
  func removed(isAnswered: Bool) {
    let driver = CoreDriver([Self.route("/a"), Self.route("/b"), Self.route("/c", .broadcast)])
    let peers = ["/a", "/b", "/c"].map { driver.connect($0) }
    let handshaking = driver.accept()
    Self.reload(driver, [Self.route("/b", .broadcast), Self.route("/c", .broadcast)])
    #expect(peers.map(\.closeCode) == [1001, 1001, nil])
    // Again while they are closing, and with the old routes back.
    Self.reload(driver, [Self.route("/c", .broadcast)])
    Self.reload(driver, [Self.route("/c", .broadcast), Self.route("/a"), Self.route("/b")])
    if isAnswered {
      for peer in peers[..<2] {
        peer.send(.close(1001))
        peer.end()
      }
    } else {
      driver.advance(.seconds(6))
    }
    #expect(driver.recording.closed.map(\.cause) == [.routeRemoved, .routeRemoved])
    #expect(Set(driver.recording.closed.map(\.route)) == ["/a", "/b"])
    handshaking.send(CoreDriver.request("/a"))
    handshaking.send(.text("x"))
    #expect(handshaking.texts == ["x"])
    driver.stop()
    #expect(driver.leftovers == [])
    #expect(driver.shard.shared.open.count == 0)
    #expect(driver.shard.occupancies.allSatisfy { $0.count == 0 })
  }

  @Test("Members of a channel stay together over a reload, with what was being published")
  func channel() {
    let driver = CoreDriver([Self.route("/a"), Self.route("/b", .broadcast)])
    let peers = [driver.connect("/b"), driver.connect("/b")]
    driver.turn {
      peers[0].push(CoreFrame.text("before"))
      peers[0].receive(into: &driver.shard)
      driver.shard.reload(
        routes: RouteTable([Self.route("/b", .broadcast) { $0.includesSender = true }]),
        listeners: [])
      peers[0].push(CoreFrame.text("after"))
      peers[0].receive(into: &driver.shard)
    }
    #expect(peers[0].texts == ["after"])
    #expect(peers[1].texts == ["before", "after"])
    #expect(driver.shard.channelCount == 1)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A reload to no route at all")
  func noRoutes() {
    let driver = CoreDriver(Route.builtIn)
    let peers = ["/echo", "/room/a", "/nowhere"].map { driver.connect($0) } + [driver.accept()]
    Self.reload(driver, [])
    #expect(peers[..<2].map(\.closeCode) == [1001, 1001])
    driver.advance(.seconds(20))
    #expect(driver.leftovers == [])
    #expect(driver.recording.refused.map(\.status) == [404, 408])
  }

  @Test("Drain: everybody is told, newcomers are refused", arguments: [CloseCause.drain, .restart])
  func drain(cause: CloseCause) {
    let driver = CoreDriver(Route.builtIn)
    let peers = (0..<10).map { driver.connect($0 % 2 == 0 ? "/echo" : "/broadcast") }
    let handshaking = driver.accept()
    driver.turn {
      driver.shard.beginDrain(
        cause: cause, code: cause == .drain ? .goingAway : .serviceRestart, spread: .zero)
    }
    #expect(peers.allSatisfy { $0.closeCode == (cause == .drain ? 1001 : 1012) })
    #expect(handshaking.head.hasPrefix("HTTP/1.1 503 "))
    let late = driver.connect("/echo")
    #expect(late.head.hasPrefix("HTTP/1.1 503 ") && late.head.contains("Retry-After: 5"))
    for peer in driver.peers {
      peer.send(.close(1001))
      peer.end()
    }
    #expect(driver.recording.closed.map(\.cause) == Array(repeating: cause, count: 10))
    #expect(driver.recording.closed.allSatisfy { $0.isClean })
    #expect(driver.leftovers == [])
  }

  @Test("Drain over ten seconds: evenly, and the others go on meanwhile")
  func spread() {
    let driver = CoreDriver(Route.builtIn)
    let peers = (0..<256).map { _ in driver.connect("/echo") }
    driver.turn { driver.shard.beginDrain(cause: .drain, code: .goingAway, spread: .seconds(10)) }
    driver.turn { driver.shard.beginDrain(cause: .restart, code: .goingAway, spread: .zero) }
    var counts: [Int] = []
    for _ in 0..<10 {
      driver.advance(.seconds(1))
      counts.append(peers.count { $0.socket.sent.last.map { $0 == UInt8(ascii: "g") } ?? false })
    }
    #expect(counts.last == 256)
    for (index, count) in counts.enumerated() {
      let expected = 256 * (index + 1) / 10
      #expect(abs(count - expected) <= 3, "after \(index + 1) s")
    }
    driver.stop()
    #expect(driver.recording.closed.allSatisfy { $0.cause == .drain })
    #expect(driver.leftovers == [])
  }

  @Test("Stop ends connections in every state at once")
  func stop() {
    let driver = CoreDriver(Route.builtIn)
    _ = driver.accept()
    driver.accept().send(Array("GET /".utf8))
    _ = driver.connect("/nowhere")
    driver.connect("/echo").send(.close(1000))
    driver.connect("/echo").send([0xFF, 0xFF])
    let waiting = driver.connect("/echo")
    waiting.socket.room = 1
    waiting.send(.text("waiting"))
    let member = driver.connect("/room/x")
    driver.turn {
      member.push(CoreFrame.text("published in the last turn"))
      member.receive(into: &driver.shard)
      driver.shard.dropAll()
      driver.shard.dropAll()
    }
    #expect(driver.recording.refused.count == 1)
    let causes = driver.recording.closed.map(\.cause)
    #expect(causes == [.drain, .drain, .peerClose, .protocolError, .drain, .drain])
    #expect(driver.leftovers == [])
  }

  @Test("Counters add live connections and other shards")
  func counters() {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    peer.send(.text("abc"))
    driver.connect("/echo").end()
    var sum = driver.shard.currentCounters()
    #expect(sum.liveCount == 1 && sum.receivedMessageCount == 1 && sum.sentByteCount == 3)
    #expect(sum.acceptedCount == 2 && sum.openedCount == 2)
    #expect(sum.closedCounts.dictionary == [.peerFin: 1])
    sum.add(sum)
    #expect(sum.liveCount == 2 && sum.sentByteCount == 6)
    #expect(sum.closedCounts.dictionary == [.peerFin: 2])
    driver.stop()
    #expect(driver.leftovers == [])
  }
}
