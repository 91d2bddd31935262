// What happens when the socket fails while replies are being written: the session is gone at once,
// and nothing that the same bytes still hold may touch it again.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Sockets that fail")
struct SocketFailureTests {
  /// A large message goes through a block of its own.
  private static let large = CoreFrame.binary(Array(repeating: 1, count: 70_000))

  @Test(
    "Bytes behind a reply that cannot be sent",
    arguments: [
      [CoreFrame.text("a"), .close(1000)], [.text("a"), .ping([1])],
      [.text("a"), large, .text("b")], [.text("a"), CoreFrame(0x83)],
      [.text("a"), .ping([1]), .close(1000, "bye")], [large, large, .close(1000)],
      [.ping(), .ping(), .text("a")], [.text("a"), CoreFrame(0x81, [0xFF])],
    ], [32, 104, 110, 105] as [Int32])
  func behindAReply(frames: [CoreFrame], errno: Int32) {
    for limit in [Int.max, 80_000, 100] {
      let driver = CoreDriver(Route.builtIn)
      let peer = driver.connect("/echo")
      driver.receiveLimit = limit
      peer.socket.sendError = errno
      peer.send(frames.masked)
      #expect(peer.socket.isClosed && peer.socket.isReset)
      #expect(driver.recording.closed.map(\.cause) == [CloseCause(errno: errno)])
      #expect(driver.recording.closed.map(\.errno) == [errno])
      // The place in the table is the next connection's, whose record must be its own.
      let next = driver.connect("/echo")
      next.send(.text("still"))
      next.send(.close(1000))
      next.end()
      #expect(next.texts == ["still"])
      #expect(driver.recording.closed.last?.reasonReceived == "")
      #expect(driver.recording.closed.last?.isClean == true)
      #expect(driver.leftovers == [])
    }
  }

  @Test("The answer to the request cannot be sent")
  func response() {
    for path in ["/echo", "/broadcast", "/nowhere"] {
      for limit in [Int.max, 50] {
        let driver = CoreDriver(Route.builtIn)
        driver.receiveLimit = limit
        let peer = driver.accept()
        peer.socket.sendError = 104
        peer.send(CoreDriver.request(path) + CoreFrame.text("x").masked())
        #expect(peer.socket.isClosed)
        #expect(driver.leftovers == [])
      }
    }
  }

  @Test("Queued bytes cannot be sent", arguments: [104, 32, 110, 113, 5] as [Int32])
  func queued(errno: Int32) {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    peer.socket.room = 1
    peer.send(.text("hello"))
    peer.socket.sendError = errno
    driver.settle()
    #expect(driver.recording.closed.map(\.cause) == [CloseCause(errno: errno)])
    #expect(driver.recording.closed.map(\.unsentByteCount) == [6])
    #expect(driver.leftovers == [])
  }

  @Test("A reset in every phase", arguments: [104, 32, 110, 113] as [Int32])
  func everyPhase(errno: Int32) {
    let phases: [(ConnectionPhase, String, CloseCause?, (CorePeer) -> Void)] = [
      (.handshake, "at once", nil, { _ in }),
      (.handshake, "in the request", nil, { $0.send(Array("GET /echo HTTP/1.1\r\n".utf8)) }),
      (.open, "open", nil, { $0.send(CoreDriver.request("/echo")) }),
      (.open, "in a frame", nil, { $0.send(CoreDriver.request("/echo") + [0x81]) }),
      (
        .open, "in a large message", nil,
        { $0.send(CoreDriver.request("/echo") + Self.large.masked().dropLast()) }
      ),
      (
        .closing, "after our Close", .protocolError,
        { $0.send(CoreDriver.request("/echo") + [0xFF, 0xFF]) }
      ),
      (
        .closing, "after both", .peerClose,
        { $0.send(CoreDriver.request("/echo") + CoreFrame.close(1000).masked()) }
      ),
    ]
    for (_, name, cause, prepare) in phases {
      let driver = CoreDriver(Route.builtIn)
      let peer = driver.accept()
      prepare(peer)
      peer.reset(errno)
      #expect(
        driver.recording.closed.map(\.cause) == [cause ?? CloseCause(errno: errno)], "\(name)")
      #expect(driver.recording.closed.map(\.errno) == [errno], "\(name)")
      #expect(driver.recording.closed.map(\.isClean) == [false], "\(name)")
      #expect(driver.recording.closed[0].tcpRetransmitCount == 7, "\(name)")
      #expect(driver.leftovers == [], "\(name)")
    }
  }

  @Test("FIN in every phase")
  func finInEveryPhase() {
    let beginnings: [[UInt8]] = [
      [], Array("GET /ec".utf8), CoreDriver.request("/echo"),
      CoreDriver.request("/room/a"), CoreDriver.request("/echo") + [0x81, 0x85],
      CoreDriver.request("/echo") + Self.large.masked().dropLast(),
    ]
    for beginning in beginnings {
      let driver = CoreDriver(Route.builtIn)
      let peer = driver.accept()
      peer.send(beginning)
      peer.end()
      #expect(driver.recording.closed.map(\.cause) == [.peerFin])
      #expect(driver.recording.closed.map(\.effectiveCode) == [.abnormalClosure])
      #expect(!peer.socket.isReset)
      #expect(driver.leftovers == [])
    }
  }

  @Test("The poller does not take the socket", arguments: [24, 12] as [Int32])
  func add(errno: Int32) {
    let driver = CoreDriver(Route.builtIn)
    driver.recording.addErrors = [errno]
    let peer = driver.accept()
    #expect(peer.session == nil && peer.socket.isReset)
    #expect(driver.recording.closed.map(\.cause) == [.shed])
    #expect(driver.recording.closed.map(\.phase) == [.handshake])
    #expect(driver.leftovers == [])
  }

  @Test("The poller does not take the socket of a connection that asked before it was watched")
  func addOfQuickClient() {
    let driver = CoreDriver(Route.builtIn)
    driver.recording.addErrors = [12]
    let peer = driver.makePeer()
    peer.push(CoreDriver.request("/echo"))
    driver.turn {
      let session = driver.shard.accept(peer.socket.descriptor, from: .unix, listener: 0)
      peer.session = session
      peer.receive(into: &driver.shard)
      driver.shard.startWatching(session)
    }
    #expect(peer.socket.sent == [] && peer.socket.isReset)
    #expect(driver.recording.closed.map(\.cause) == [.shed])
    #expect(driver.recording.closed.map(\.phase) == [.handshake])
    #expect(driver.leftovers == [])
    let next = driver.makePeer()
    next.push(CoreDriver.request("/echo"))
    driver.turn {
      next.session = driver.shard.accept(next.socket.descriptor, from: .unix, listener: 0)
      next.receive(into: &driver.shard)
    }
    #expect(next.head.hasPrefix("HTTP/1.1 101 ") && next.socket.isReading)
    next.end()
    #expect(driver.leftovers == [])
  }

  @Test("A connection from a listener that this shard has not heard of yet")
  func unknownListener() {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.accept(listener: 3)
    peer.send(CoreDriver.request("/echo"))
    peer.send(.text("a"))
    #expect(peer.texts == ["a"])
    let policies = (0..<4).map { ListenerPolicy(name: "listener \($0)") }
    driver.turn { driver.shard.reload(routes: RouteTable(Route.builtIn), listeners: policies) }
    peer.end()
    #expect(driver.recording.closed.map(\.listener) == ["listener 3"])
    #expect(driver.leftovers == [])
  }
}
