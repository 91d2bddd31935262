// Pings, idleness, lifetime and the handshake's deadline, in virtual time.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Liveness")
struct LivenessTests {
  private static func driver(
    _ mode: RouteMode = .echo, _ change: (inout Route) -> Void = { _ in }
  ) -> CoreDriver {
    var route = Route(pattern: RoutePattern(literal: "/r"), mode: mode)
    route.idleTimeout = .zero
    route.pingInterval = .zero
    change(&route)
    return CoreDriver([route])
  }

  private static func finish(_ driver: CoreDriver, _ cause: CloseCause, _ code: UInt16) {
    let peer = driver.peers[0]
    #expect(peer.closeCode == code)
    peer.send(.close(code))
    peer.end()
    driver.stop()
    #expect(driver.recording.closed.first?.cause == cause)
    #expect(driver.leftovers == [])
  }

  @Test("A Ping is answered with its payload, on both kinds of route")
  func pong() {
    for mode in RouteMode.allCases {
      let driver = Self.driver(mode)
      let peer = driver.connect("/r")
      let payload = Array(0..<125) as [UInt8]
      peer.send(.ping(), .ping(payload), .pong(payload), .pong())
      #expect(peer.frames == [.pong(), .pong(payload)])
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }

  @Test("A Pong to the latest Ping gives the round trip")
  func roundTrip() throws {
    let driver = Self.driver { $0.pingInterval = .seconds(10) }
    let peer = driver.connect("/r")
    driver.advance(.milliseconds(10_070))
    let ping = try #require(peer.frames.first)
    #expect(ping.opcode == 9 && ping.payload.count == 8)
    peer.send(.pong([1]), .pong(Array(repeating: 0, count: 8)))
    driver.advance(.milliseconds(123))
    let sent = driver.now
    peer.send(.pong(ping.payload))
    peer.send(.pong(ping.payload))
    driver.advance(.seconds(1))
    peer.end()
    let closed = try #require(driver.recording.closed.first)
    let roundTrip = Int64(try #require(closed.pingRoundTrip))
    #expect(roundTrip >= 123_000 && roundTrip <= sent - (Instant(microseconds: 1_010_000_000)))
    #expect(driver.leftovers == [])
  }

  @Test("No byte after a Ping ends the connection; any byte keeps it")
  func pongTimeout() {
    let driver = Self.driver {
      $0.pingInterval = .seconds(10)
      $0.pingTimeout = .seconds(5)
    }
    let peer = driver.connect("/r")
    for byte in [0x81, 0x85, 1, 2, 3] as [UInt8] {
      driver.advance(.seconds(14))
      // One byte of a frame is proof enough.
      peer.send([byte])
    }
    #expect(peer.frames.allSatisfy { $0.opcode == 9 } && peer.frames.count == 5)
    driver.advance(.milliseconds(14_990))
    #expect(peer.closeCode == nil)
    driver.advance(.milliseconds(200))
    Self.finish(driver, .pongTimeout, 1011)
  }

  @Test("Without a ping timeout Pings go on")
  func pingsOnly() {
    let driver = Self.driver {
      $0.pingInterval = .seconds(10)
      $0.pingTimeout = .zero
    }
    let peer = driver.connect("/r")
    driver.advance(.seconds(101))
    #expect(peer.frames.count == 10 && peer.frames.allSatisfy { $0.opcode == 9 })
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("An echo that was not read because its peer does not read is a slow consumer")
  func heldBack() {
    let driver = Self.driver {
      $0.pingInterval = .seconds(10)
      $0.pingTimeout = .seconds(5)
    }
    let peer = driver.connect("/r")
    peer.socket.room = 1
    peer.send(.text("abc"))
    driver.advance(.seconds(16))
    #expect(driver.peers[0].session?.pointee.cause == .slowConsumer)
    driver.advance(.seconds(6))
    #expect(driver.recording.closed.map(\.cause) == [.slowConsumer])
    #expect(driver.leftovers == [])
  }

  @Test("Idle: which direction counts", arguments: IdleDirection.allCases)
  func idle(direction: IdleDirection) {
    let driver = Self.driver(.broadcast) {
      $0.idleTimeout = .seconds(10)
      $0.idleDirection = direction
      $0.idleCloseCode = .init(rawValue: 4000)
    }
    let listener = driver.connect("/r")
    let sender = driver.connect("/r")
    for _ in 0..<3 {
      driver.advance(.seconds(4))
      sender.send(.text("x"))
      // Control frames are no data.
      listener.send(.ping())
    }
    #expect((listener.closeCode == nil) == (direction == .any))
    driver.advance(.seconds(11))
    #expect(sender.closeCode == 4000)
    if direction == .any { #expect(listener.closeCode == 4000) }
    Self.finish(driver, .idleTimeout, 4000)
  }

  @Test("Idle: neither early nor late, and a message starts it anew")
  func idleTiming() {
    let driver = Self.driver { $0.idleTimeout = .seconds(100) }
    let peer = driver.connect("/r")
    driver.advance(.seconds(90))
    peer.send(.text("x"))
    driver.advance(.milliseconds(99_999))
    #expect(peer.closeCode == nil)
    driver.advance(.milliseconds(70))
    Self.finish(driver, .idleTimeout, 1001)
    #expect(driver.recording.closed[0].detail == "idle_timeout=100s")
  }

  @Test("Lifetime counts from the accept, whatever is sent")
  func lifetime() {
    let driver = Self.driver { $0.maximumLifetime = .seconds(60) }
    let peer = driver.connect("/r")
    for _ in 0..<59 {
      driver.advance(.seconds(1))
      peer.send(.text("x"))
    }
    driver.advance(.milliseconds(1070))
    Self.finish(driver, .maxLifetime, 1001)
  }

  @Test("A sleep of the whole machine ends what is overdue, once")
  func sleep() {
    let driver = Self.driver {
      $0.idleTimeout = .seconds(600)
      $0.pingInterval = .seconds(25)
      $0.maximumLifetime = .seconds(7200)
    }
    _ = driver.connect("/r")
    let waiting = driver.accept()
    driver.sleep(.seconds(3600))
    #expect(waiting.head.hasPrefix("HTTP/1.1 408 "))
    Self.finish(driver, .idleTimeout, 1001)
  }

  @Test("What is due all at once is spread over turns, with no time between them")
  func manyAtOnce() {
    let driver = CoreDriver(Route.builtIn)
    let peers = (0..<100).map { _ in driver.accept() }
    driver.sleep(.seconds(11))
    let refusedCount = { peers.count { $0.head.hasPrefix("HTTP/1.1 408 ") } }
    #expect(refusedCount() == Limits.maximumDeadlinesPerTurn)
    driver.advance(.microseconds(10))
    #expect(refusedCount() == peers.count)
    for peer in peers { peer.end() }
    #expect(driver.recording.refused.count == peers.count && driver.leftovers == [])
  }

  @Test("The handshake's deadline is absolute: a byte a second does not help")
  func handshake() throws {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.accept()
    let request = CoreDriver.request("/echo")
    for index in 0..<9 {
      driver.advance(.seconds(1))
      peer.send([request[index]])
    }
    #expect(peer.socket.sent == [])
    driver.advance(.milliseconds(1070))
    #expect(peer.head.hasPrefix("HTTP/1.1 408 "))
    peer.send(Array(request[9...]))
    peer.end()
    let refused = try #require(driver.recording.refused.first)
    #expect(refused.status == 408 && refused.duration >= 10_000_000)
    #expect(refused.duration <= 10_070_000)
    #expect(driver.recording.closed == [] && driver.leftovers == [])
  }
}
