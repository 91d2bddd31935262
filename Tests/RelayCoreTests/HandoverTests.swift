// Sessions handed over to another shard, at every point they can stand at: neither end may notice.

import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

@Suite("Hand-over of sessions")
struct HandoverTests {
  static let routes: [Route] = {
    var small = Route(pattern: RoutePattern(literal: "/small"), mode: .echo)
    small.maximumMessageByteCount = 1000
    return Route.builtIn + [small]
  }()

  /// What a peer saw, and what was recorded of it.
  struct Outcome: Equatable {
    var sent: [UInt8]
    var hasEnded: Bool
    var closed: [ClosedConnection]
  }

  /// Lets a peer say `bytes`, with a restart after so many of them; none at all for nil.
  private func talk(_ bytes: [UInt8], restartAfter split: Int?) -> Outcome {
    let driver = CoreDriver(Self.routes)
    let peer = driver.accept()
    if let split {
      peer.send(Array(bytes[..<split]))
      let isOver = peer.socket.isClosed
      let results = driver.restart(after: .zero)
      #expect(results == (isOver ? [] : [.adopted]), "after \(split) bytes")
      peer.send(Array(bytes[split...]))
    } else {
      peer.send(bytes)
    }
    peer.end()
    driver.stop()
    #expect(driver.leftovers == [], "restarted after \(split ?? -1) bytes")
    let closed = driver.recording.closed.map { record in
      var record = record
      record.restartCount = 0
      return record
    }
    return Outcome(
      sent: peer.socket.sent, hasEnded: peer.socket.hasEndedSending, closed: closed)
  }

  static let dialogues: [(String, [UInt8])] = [
    (
      "messages, fragments and control frames",
      [
        .text("Grüße, 世界 🌍"), .binary([1, 2, 3]), CoreFrame(0x01, Array("Grü".utf8.prefix(3))),
        .ping([7]), CoreFrame(0x00, [0xBC, 0xE4, 0xB8]), CoreFrame(0x80, [0x96]), CoreFrame(0x81),
        .pong([9]), .binary([UInt8](repeating: 5, count: 300)), .close(1000, "bye"),
      ].masked
    ),
    ("text that is not UTF-8", [CoreFrame(0x01, [0x61]), CoreFrame(0x80, [0xFF])].masked),
    ("an unmasked frame", CoreFrame.text("a").masked() + CoreFrame.text("plain").fromServer),
    (
      "a violation, and then the close all the same",
      [CoreFrame.text("a"), CoreFrame(0x80), .text("skipped"), .close(1002)].masked
    ),
    ("a close without a code, and bytes behind it", [CoreFrame.close(), .text("late")].masked),
  ]

  @Test("a dialogue goes on after every byte", arguments: dialogues.indices)
  func everyByte(index: Int) {
    let bytes = CoreDriver.request("/echo?token=1") + Self.dialogues[index].1
    let expected = talk(bytes, restartAfter: nil)
    #expect(expected.closed.count == 1)
    for split in 0...bytes.count {
      #expect(talk(bytes, restartAfter: split) == expected, "after \(split) bytes")
    }
  }

  @Test("a large message goes on wherever it is cut", arguments: [1, 9, 70_000, 150_000, 200_013])
  func largeMessage(split: Int) {
    let head = CoreDriver.request("/echo")
    let bytes = head + CoreFrame.text(String(repeating: "ü", count: 100_000)).masked()
    #expect(
      talk(bytes, restartAfter: head.count + split) == talk(bytes, restartAfter: nil))
  }

  @Test("what the socket did not take is sent afterwards, byte for byte")
  func unsent() {
    let sizes = [10, 3000, 70_000]
    var expected: [UInt8] = []
    for room in stride(from: 0, through: 75_000, by: 997) {
      let driver = CoreDriver(Self.routes)
      let peer = driver.connect("/echo")
      let head = peer.socket.sent.count
      peer.socket.room = room
      for size in sizes { peer.push(.binary([UInt8](repeating: UInt8(size & 0xFF), count: size))) }
      peer.push(.close(1000))
      driver.settle()
      driver.restart()
      peer.read(5)
      driver.restart()
      peer.read()
      peer.end()
      #expect(driver.recording.closed.map(\.isClean) == [true], "room \(room)")
      #expect(driver.recording.closed.map(\.restartCount) == [2])
      let sent = Array(peer.socket.sent[head...])
      if expected.isEmpty { expected = sent }
      #expect(sent == expected, "room \(room)")
      #expect(driver.leftovers == [])
    }
  }

  @Test("members stay members, of their channel only")
  func members() {
    let driver = CoreDriver(Self.routes)
    let (a, b) = (driver.connect("/room/a?x=1"), driver.connect("/room/a"))
    let other = driver.connect("/room/b")
    a.send(.text("before"))
    driver.restart()
    a.send(.text("after"))
    b.send(.text("back"))
    #expect(b.texts == ["before", "after"])
    #expect(a.texts == ["back"])
    #expect(other.texts == [])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("a slow member keeps its unsent messages, and its bound")
  func slowMember() {
    var route = Route(pattern: RoutePattern(literal: "/all"), mode: .broadcast)
    route.maximumOutboundByteCount = 40
    route.slowConsumerPolicy = .dropOldest
    let driver = CoreDriver([route])
    let (speaker, slow) = (driver.connect("/all"), driver.connect("/all"))
    slow.socket.room = 5
    for number in 0..<5 { speaker.send(.text("number \(number)")) }
    driver.restart()
    for number in 5..<8 { speaker.send(.text("number \(number)")) }
    slow.read()
    // The first was begun; of the others the last ones that fit.
    #expect(slow.texts == ["number 0", "number 5", "number 6", "number 7"])
    driver.stop()
    #expect(driver.recording.closed.map(\.droppedMessageCount).sorted() == [0, 4])
    #expect(driver.leftovers == [])
  }

  @Test("deadlines go on where they stood, and the restart counts as no time")
  func deadlines() {
    let driver = CoreDriver(Self.routes)
    let peer = driver.connect("/echo")
    driver.advance(.seconds(20))
    driver.restart(after: .seconds(60))
    #expect(peer.frames.isEmpty)
    driver.advance(.seconds(4))
    #expect(peer.frames.isEmpty)
    driver.advance(.seconds(2))
    #expect(peer.frames.map(\.opcode) == [9])
    driver.advance(.seconds(10))
    driver.restart()
    driver.advance(.seconds(9))
    #expect(peer.closeCode == nil)
    driver.advance(.seconds(2))
    #expect(peer.closeCode == 1011)
    driver.restart()
    driver.advance(.seconds(6))
    #expect(driver.recording.closed.map(\.cause) == [.pongTimeout])
    #expect(driver.recording.closed.map(\.detail) == ["ping_timeout=20s unsent=0 close_timeout=5s"])
    #expect(driver.leftovers == [])
  }

  @Test("a handshake in progress goes on, within its time")
  func handshake() {
    let driver = CoreDriver(Self.routes)
    let (quick, late) = (driver.accept(), driver.accept())
    let request = CoreDriver.request("/echo")
    for peer in [quick, late] { peer.send(Array(request[..<40])) }
    driver.advance(.seconds(6))
    driver.restart()
    quick.send(Array(request[40...]))
    #expect(quick.head.contains(" 101 "))
    driver.advance(.seconds(5))
    #expect(late.head.contains(" 408 "))
    driver.restart()
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("a route that is gone closes its connections, and so does another mode")
  func removedRoute() {
    let driver = CoreDriver(Self.routes)
    let (kept, gone) = (driver.connect("/small"), driver.connect("/echo"))
    let other = driver.connect("/broadcast")
    var changed = Route(pattern: RoutePattern(literal: "/broadcast"), mode: .echo)
    changed.idleTimeout = .zero
    #expect(driver.restart(routes: [Self.routes[3], changed]) == [.adopted, .closed, .closed])
    #expect([kept, gone, other].map(\.closeCode) == [nil, 1001, 1001])
    gone.send(.close(1001))
    gone.end()
    #expect(driver.recording.closed.map(\.cause) == [.routeRemoved])
    #expect(driver.recording.closed.map(\.route) == ["/echo"])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("a close on a route that a reload removed goes on, under its name")
  func removedBefore() {
    let driver = CoreDriver(Self.routes)
    let peer = driver.connect("/echo")
    driver.turn {
      driver.shard.reload(routes: RouteTable([Self.routes[3]]), listeners: driver.listeners)
    }
    driver.restart(routes: [Self.routes[3]])
    driver.restart(routes: Self.routes)
    peer.send(.close(1001))
    peer.end()
    #expect(driver.recording.closed.map(\.cause) == [.routeRemoved])
    #expect(driver.recording.closed.map(\.route) == ["/echo"])
    #expect(driver.recording.closed.map(\.isClean) == [true])
    #expect(driver.leftovers == [])
  }

  @Test("new limits hold for a message in progress")
  func newLimit() {
    let driver = CoreDriver(Self.routes)
    let peer = driver.connect("/small")
    peer.send(Array(CoreFrame.binary([UInt8](repeating: 1, count: 900)).masked()[..<500]))
    var smaller = Self.routes[3]
    smaller.maximumMessageByteCount = 800
    #expect(driver.restart(routes: [smaller]) == [.closed])
    #expect(peer.closeCode == 1009)
    peer.send([UInt8](repeating: 1, count: 408) + CoreFrame.close(1009).masked())
    peer.end()
    #expect(driver.recording.closed.map(\.isClean) == [true])
    #expect(driver.recording.closed.map(\.detail) == ["max_message_size=800 got=900"])
    #expect(driver.leftovers == [])
  }

  @Test("what cannot move is told to come back, and recorded")
  func unmovable() {
    let driver = CoreDriver(Self.routes)
    let (kept, bound) = (driver.connect("/echo"), driver.connect("/echo"))
    driver.recording.unmovable = [bound.socket.descriptor]
    #expect(driver.restart() == [.adopted])
    #expect(bound.closeCode == 1012)
    #expect(bound.socket.isClosed && !bound.socket.isReset)
    #expect(driver.recording.closed.map(\.cause) == [.restart])
    kept.send(.text("still there"))
    #expect(kept.texts == ["still there"])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("bounds on connections count those that were handed over")
  func occupancies() {
    var route = Route(pattern: RoutePattern(literal: "/echo"), mode: .echo)
    route.maximumConnectionCount = 2
    let driver = CoreDriver([route])
    let first = driver.connect("/echo")
    _ = driver.connect("/echo")
    driver.restart()
    #expect(driver.connect("/echo").head.contains(" 503 "))
    first.send(.close(1000))
    first.end()
    #expect(driver.connect("/echo").head.contains(" 101 "))
    driver.stop()
    #expect(driver.leftovers == [])
  }
}
