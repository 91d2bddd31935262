// The closing handshake from both ends, and ends that are none: one cause, one record, one Close.

import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

@Suite("Closing")
struct ClosingTests {
  private static func route(_ change: (inout Route) -> Void = { _ in }) -> [Route] {
    var route = Route(pattern: RoutePattern(literal: "/echo"), mode: .echo)
    change(&route)
    return [route]
  }

  @Test(
    "The peer closes: the code is echoed, without the reason",
    arguments: [
      (nil, .peerClose), (1000, .peerClose), (1001, .peerClose), (1012, .peerClose),
      (3000, .peerClose), (4999, .peerClose), (1002, .peerCloseError), (1003, .peerCloseError),
      (1007, .peerCloseError), (1008, .peerCloseError), (1009, .peerCloseError),
      (1010, .peerCloseError), (1011, .peerCloseError),
    ] as [(UInt16?, CloseCause)])
  func peerCloses(code: UInt16?, cause: CloseCause) throws {
    let driver = CoreDriver(Self.route())
    let peer = driver.connect("/echo")
    let reason = code == nil ? "" : "so long"
    peer.send(.text("last"), .close(code, reason), .text("ignored"))
    #expect(peer.frames == [.text("last"), .close(code)])
    #expect(peer.socket.hasEndedSending && !peer.socket.isClosed)
    #expect(driver.recording.closed.isEmpty)
    peer.end()
    let closed = try #require(driver.recording.closed.first)
    #expect(closed.cause == cause && closed.isClean && closed.order == .receivedFirst)
    #expect(closed.codeReceived?.rawValue == code ?? 1005)
    #expect(closed.codeSent?.rawValue == code ?? 1005)
    #expect(closed.reasonReceived == reason && closed.reasonSent == "")
    #expect(closed.receivedMessageCount == 1 && closed.errno == 0)
    #expect(closed.tcpRetransmitCount == nil)
    #expect(!peer.socket.isReset)
    #expect(driver.leftovers == [])
  }

  @Test("Illegal Close frames", arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
  func illegalCodes(code: UInt16) {
    let driver = CoreDriver(Self.route())
    let peer = driver.connect("/echo")
    peer.send(.close(code))
    #expect(peer.closeCode == 1002 && peer.socket.hasEndedSending)
    peer.end()
    #expect(driver.recording.closed.map(\.cause) == [.protocolError])
    #expect(driver.recording.closed.map(\.isClean) == [false])
    #expect(driver.leftovers == [])
  }

  @Test("The relay closes: data is skipped until the peer's Close")
  func relayCloses() throws {
    let driver = CoreDriver(Self.route { $0.accepts = .text })
    let peer = driver.connect("/echo")
    peer.send(.text("a"), .binary([1]), .text("b"), .ping([1]))
    #expect(peer.frames.map(\.opcode) == [1, 8] && peer.closeCode == 1003)
    peer.send(.text("c"), CoreFrame(0x01, [1]), .ping(), CoreFrame(0x80))
    peer.send(CoreFrame.binary(Array(repeating: 1, count: 100_000)).masked())
    #expect(!peer.socket.hasEndedSending)
    peer.send(.close(1003, "sorry"))
    #expect(peer.frames.count == 2 && peer.socket.hasEndedSending)
    peer.end()
    let closed = try #require(driver.recording.closed.first)
    #expect(closed.cause == .unsupportedData && closed.isClean && closed.order == .sentFirst)
    #expect(closed.reasonReceived == "sorry" && closed.reasonSent == "binary is not accepted here")
    #expect(closed.detail == "accept=text got=binary")
    #expect(closed.receivedMessageCount == 1)
    #expect(driver.leftovers == [])
  }

  @Test("Our Close is not answered: reset after the close timeout, the first cause stays")
  func closeTimeout() {
    let driver = CoreDriver(Self.route { $0.closeTimeout = .seconds(2) })
    let peer = driver.connect("/echo")
    peer.send([0xFF, 0xFF])
    driver.advance(.milliseconds(1900))
    #expect(!peer.socket.isClosed)
    driver.advance(.milliseconds(170))
    #expect(peer.socket.isReset)
    #expect(driver.recording.closed.map(\.cause) == [.protocolError])
    #expect(driver.recording.closed[0].detail.hasSuffix(" close_timeout=2s"))
    #expect(driver.leftovers == [])
  }

  @Test("The peer closes and does not end TCP")
  func lingering() {
    let driver = CoreDriver(Self.route())
    let peer = driver.connect("/echo")
    peer.send(.close(1000))
    // Bytes after Close do not prolong anything.
    for _ in 0..<4 {
      driver.advance(.seconds(1))
      peer.send(.text("still here"))
    }
    driver.advance(.milliseconds(1070))
    #expect(peer.socket.isReset)
    #expect(driver.recording.closed.map(\.cause) == [.closeTimeout])
    #expect(driver.recording.closed.map(\.detail) == ["close_timeout=5s"])
    #expect(driver.leftovers == [])
  }

  @Test("The first cause wins, whatever comes after it")
  func firstCause() {
    let endings: [(CorePeer, CoreDriver) -> Void] = [
      { peer, _ in peer.end() }, { peer, _ in peer.reset() },
      { _, driver in driver.advance(.seconds(10)) }, { _, driver in driver.stop() },
      { peer, _ in
        peer.send(.close(1000))
        peer.reset(110)
      },
      { peer, driver in
        peer.send([0xFF, 0xFF])
        driver.turn { driver.shard.reload(routes: RouteTable([]), listeners: []) }
        driver.advance(.seconds(10))
      },
    ]
    for (index, ending) in endings.enumerated() {
      let driver = CoreDriver(Self.route())
      let peer = driver.connect("/echo")
      peer.send(CoreFrame(0x81, [0xFF]))
      #expect(peer.closeCode == 1007)
      ending(peer, driver)
      #expect(driver.recording.closed.map(\.cause) == [.invalidUTF8], "\(index)")
      #expect(driver.recording.closed.map(\.receivedMessageCount) == [0], "\(index)")
      #expect(driver.leftovers == [], "\(index)")
    }
  }

  @Test("A Close that must wait for room is sent before FIN")
  func waitingClose() {
    for room in 0..<14 {
      let driver = CoreDriver(Self.route())
      let peer = driver.connect("/echo")
      peer.socket.room = room
      peer.push(CoreFrame.text("12345678"), .close(1000))
      driver.turn()
      #expect(!peer.socket.hasEndedSending)
      peer.read()
      // An echo that is held back gets to its Close only now.
      #expect(peer.frames == [.text("12345678"), .close(1000)], "room \(room)")
      #expect(peer.socket.hasEndedSending)
      peer.end()
      #expect(driver.recording.closed.map(\.isClean) == [true])
      #expect(driver.leftovers == [])
    }
  }

  @Test("What waits is sent to a peer that ends TCP right behind its Close", arguments: 0..<14)
  func endBehindClose(room: Int) {
    let broadcast = Route(pattern: RoutePattern(literal: "/broadcast"), mode: .broadcast)
    for path in ["/echo", "/broadcast"] {
      let driver = CoreDriver(Self.route() + [broadcast])
      let other = driver.connect("/broadcast")
      let peer = driver.connect(path)
      peer.socket.room = room
      if path == "/echo" { peer.push(.text("12345678")) } else { other.send(.text("12345678")) }
      peer.push(CoreFrame.close(1000))
      peer.pushEnd()
      driver.settle()
      #expect(driver.recording.closed.isEmpty && !peer.socket.hasEndedSending)
      peer.read()
      #expect(peer.frames == [.text("12345678"), .close(1000)])
      #expect(driver.recording.closed.map(\.isClean) == [true])
      #expect(driver.recording.closed.map(\.unsentByteCount) == [0])
      other.end()
      #expect(driver.leftovers == [])
    }
  }

  @Test("An end that leaves our Close unsent is not clean")
  func unsentClose() {
    let driver = CoreDriver(Self.route())
    let peer = driver.connect("/echo")
    peer.socket.room = 3
    peer.push(CoreFrame.text("12345678"), .close(1000))
    peer.pushEnd()
    driver.settle()
    driver.advance(.seconds(6))
    #expect(driver.recording.closed.map(\.cause) == [.closeTimeout])
    #expect(driver.recording.closed.map(\.isClean) == [false])
    #expect(driver.recording.closed.map(\.unsentByteCount) == [11])
    #expect(driver.leftovers == [])
  }

  @Test(
    "Breaches of the protocol, in one piece and byte by byte",
    arguments: [
      ([0xC1, 0x80], 1002), ([0x83, 0x80], 1002), ([0x81, 0x00], 1002), ([0x09, 0x80], 1002),
      ([0x89, 0xFE, 0, 126], 1002), ([0x80, 0x80, 0, 0, 0, 0], 1002),
      ([0x82, 0xFE, 0, 125, 0, 0, 0, 0], 1002),
      ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1002),
      ([0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0], 1002),
      ([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], 1009),
      ([0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], 1002),
      ([0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28], 1007), ([0x81, 0x81, 0, 0, 0, 0, 0xC3], 1007),
      ([0x88, 0x81, 0, 0, 0, 0, 3], 1002), ([0x88, 0x83, 0, 0, 0, 0, 3, 0xE8, 0xFF], 1007),
      ([0x01, 0x81, 0, 0, 0, 0, 0xC3, 0x80, 0x80, 0, 0, 0, 0], 1007),
    ] as [([UInt8], UInt16)])
  func violations(bytes: [UInt8], code: UInt16) {
    for path in ["/echo", "/broadcast"] {
      for limit in [Int.max, 1] {
        let driver = CoreDriver(Route.builtIn)
        let peer = driver.connect(path)
        driver.receiveLimit = limit
        peer.send(bytes)
        #expect(peer.closeCode == code)
        peer.send(.close(code))
        peer.end()
        #expect(driver.recording.closed.count == 1)
        #expect(driver.recording.closed[0].effectiveCode.rawValue == code)
        #expect(driver.recording.closed[0].receivedMessageCount == 0)
        #expect(driver.leftovers == [])
      }
    }
  }
}
