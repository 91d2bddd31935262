// Consumers slower than what is published, under the three policies: what is dropped and what waits
// is counted exactly, and what is sent is whole frames in order.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Slow consumers")
struct SlowConsumerTests {
  /// A payload of 98 bytes makes a frame of 100.
  private static func frame(_ number: Int) -> CoreFrame {
    CoreFrame(0x82, [UInt8(number)] + Array(repeating: 0xAA, count: 97))
  }

  private struct Room {
    let driver: CoreDriver
    let sender: CorePeer
    let slow: CorePeer

    init(_ policy: SlowConsumerPolicy, _ byteCount: Int = 1000) {
      var route = Route(pattern: RoutePattern(literal: "/b"), mode: .broadcast)
      route.slowConsumerPolicy = policy
      route.maximumOutboundByteCount = byteCount
      driver = CoreDriver([route])
      sender = driver.connect("/b")
      slow = driver.connect("/b")
    }

    /// Publishes frames, each in a turn of its own or all in one.
    func publish(_ numbers: Range<Int>, inOneTurn: Bool) {
      if inOneTurn {
        sender.send(numbers.map(SlowConsumerTests.frame).masked)
      } else {
        for number in numbers { sender.send(SlowConsumerTests.frame(number)) }
      }
    }

    var record: ClosedConnection? {
      driver.recording.closed.first { $0.peer.port == UInt16(slow.socket.descriptor) }
    }
  }

  @Test("drop-newest keeps what waits", arguments: [false, true], [0, 1, 30, 99, 100, 250])
  func dropNewest(inOneTurn: Bool, room byteCount: Int) {
    let room = Room(.dropNewest)
    room.slow.socket.room = byteCount
    room.publish(0..<30, inOneTurn: inOneTurn)
    room.slow.read()
    room.publish(30..<32, inOneTurn: false)
    // Besides what was sent before, ten frames fit, or the rest of a begun one and nine.
    let kept = byteCount / 100 + 10
    #expect(room.slow.messages == (Array(0..<kept) + [30, 31]).map(Self.frame))
    room.driver.stop()
    #expect(room.record?.droppedMessageCount == UInt64(30 - kept))
    #expect(room.record?.sentMessageCount == UInt64(kept + 2))
    #expect(room.record?.sentByteCount == UInt64((kept + 2) * 98))
    #expect(room.driver.leftovers == [])
  }

  @Test(
    "drop-oldest keeps the newest, and what is begun", arguments: [false, true], [0, 1, 99, 250])
  func dropOldest(inOneTurn: Bool, room byteCount: Int) {
    let room = Room(.dropOldest)
    room.slow.socket.room = byteCount
    room.publish(0..<30, inOneTurn: inOneTurn)
    room.slow.read()
    let isBegun = byteCount % 100 != 0
    let first = byteCount / 100 + (isBegun ? 1 : 0)
    // A begun frame of which 50 or 99 or 1 bytes are left takes the room of a whole one.
    let newest = isBegun ? 9 : 10
    let expected = Array(0..<first) + Array((30 - newest)..<30)
    #expect(room.slow.messages == expected.map(Self.frame))
    room.driver.stop()
    #expect(room.record?.droppedMessageCount == UInt64(30 - expected.count))
    #expect(room.record?.sentMessageCount == UInt64(expected.count))
    #expect(room.record?.sentByteCount == UInt64(expected.count * 98))
    #expect(room.driver.leftovers == [])
  }

  @Test("drop-oldest does not drop for a message that could never fit")
  func tooLarge() {
    for policy in [SlowConsumerPolicy.dropNewest, .dropOldest] {
      let room = Room(policy)
      room.slow.socket.room = 0
      room.publish(0..<3, inOneTurn: false)
      room.sender.send(.binary(Array(repeating: 1, count: 5000)))
      room.slow.read()
      #expect(room.slow.messages == (0..<3).map(Self.frame))
      room.driver.stop()
      #expect(room.record?.droppedMessageCount == 1)
      #expect(room.driver.leftovers == [])
    }
  }

  @Test("Control frames are never dropped")
  func controlFrames() {
    let room = Room(.dropOldest)
    room.slow.socket.room = 0
    room.publish(0..<5, inOneTurn: false)
    room.slow.send(.ping([1, 2, 3]))
    room.publish(5..<25, inOneTurn: true)
    room.slow.read()
    #expect(room.slow.frames.filter(\.isControl) == [.pong([1, 2, 3])])
    #expect(room.slow.messages == (16..<25).map(Self.frame))
    room.driver.stop()
    #expect(room.driver.leftovers == [])
  }

  @Test(
    "disconnect: the Close is not behind what waits", arguments: [false, true], [0, 1, 250, 299])
  func disconnect(inOneTurn: Bool, room byteCount: Int) {
    let room = Room(.disconnect)
    room.slow.socket.room = byteCount
    room.publish(0..<14, inOneTurn: inOneTurn)
    room.slow.read()
    let sent = (byteCount + 99) / 100
    #expect(room.slow.messages == (0..<sent).map(Self.frame))
    #expect(room.slow.closeCode == 1013)
    room.slow.send(.close(1013))
    room.slow.end()
    #expect(room.record?.cause == .slowConsumer)
    #expect(room.record?.isClean == true)
    #expect(room.record?.sentMessageCount == UInt64(sent))
    #expect(room.record?.sentByteCount == UInt64(sent * 98))
    // Who is closed gets no more: what was published before that is sent or dropped.
    let published = inOneTurn ? 14 : byteCount == 0 || byteCount == 1 ? 11 : 13
    #expect(room.record.map { $0.droppedMessageCount + $0.sentMessageCount } == UInt64(published))
    room.driver.stop()
    #expect(room.driver.leftovers == [])
  }

  @Test("A sender that does not read is spared its own messages only")
  func slowSender() {
    let room = Room(.dropNewest, 250)
    room.slow.socket.room = 120
    room.driver.turn {
      for number in 0..<20 {
        let peer = number % 2 == 0 ? room.sender : room.slow
        peer.push(Self.frame(number))
        peer.receive(into: &room.driver.shard)
      }
    }
    room.slow.read()
    #expect(room.slow.messages == [0, 2, 4].map(Self.frame))
    room.driver.stop()
    #expect(room.record?.droppedMessageCount == 7)
    #expect(room.record?.sentMessageCount == 3)
    #expect(room.driver.leftovers == [])
  }

  @Test("An answer to the request that waits is not taken for frames")
  func waitingResponse() {
    for policy in SlowConsumerPolicy.allCases {
      var route = Route(pattern: RoutePattern(literal: "/b"), mode: .broadcast)
      route.slowConsumerPolicy = policy
      route.maximumOutboundByteCount = 500
      let driver = CoreDriver([route])
      let sender = driver.connect("/b")
      let slow = driver.accept()
      slow.socket.room = 0
      slow.send(CoreDriver.request("/b"))
      for number in 0..<9 { sender.send(Self.frame(number)) }
      slow.read()
      #expect(slow.head.hasPrefix("HTTP/1.1 101 "))
      #expect(slow.reader.fault == nil && slow.reader.rest == [])
      if policy == .dropOldest { #expect(slow.messages == (6..<9).map(Self.frame)) }
      if policy == .dropNewest { #expect(slow.messages == (0..<3).map(Self.frame)) }
      if policy == .disconnect { #expect(slow.closeCode == 1013) }
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }

  private static func pings(_ numbers: Range<Int>) -> [UInt8] {
    numbers.map { CoreFrame.ping([UInt8($0), 1, 2, 3]) }.masked
  }

  private static func pongs(_ numbers: Range<Int>) -> [CoreFrame] {
    numbers.map { .pong([UInt8($0), 1, 2, 3]) }
  }

  @Test("Pings that come together are answered by one call", arguments: ["/b", "/echo"])
  func pingsTogether(path: String) {
    let driver = CoreDriver([
      Route(pattern: RoutePattern(literal: "/b"), mode: .broadcast),
      Route(pattern: RoutePattern(literal: "/echo"), mode: .echo),
    ])
    let peer = driver.connect(path)
    let before = peer.socket.sendCallCount
    peer.send(Self.pings(0..<100))
    #expect(peer.frames == Self.pongs(0..<100))
    #expect(peer.socket.sendCallCount == before + 1)
    // In pieces, so that some are put together elsewhere.
    driver.receiveLimit = 7
    peer.send(Self.pings(100..<120) + CoreFrame.ping([]).masked())
    #expect(peer.frames == Self.pongs(0..<120) + [.pong([])])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test(
    "Of the Pongs that a member does not read only the latest waits", arguments: [0, 3, 6, 100])
  func pingFlood(room byteCount: Int) {
    let room = Room(.dropOldest)
    room.slow.socket.room = byteCount
    for first in stride(from: 0, to: 200, by: 50) {
      room.slow.send(Self.pings(first..<(first + 50)))
    }
    #expect(room.slow.session?.pointee.outbound.byteCount ?? .max <= 6 + 5)
    room.slow.read()
    // What was sent or begun, and the last.
    let count = (byteCount + 5) / 6
    #expect(room.slow.frames == Self.pongs(0..<count) + Self.pongs(199..<200))
    room.driver.stop()
    #expect(room.driver.leftovers == [])
  }

  @Test("Pings and messages by turns end in a Close, not in a pile of Pongs")
  func pingsAndMessages() {
    let room = Room(.dropOldest)
    room.slow.socket.room = 0
    for number in 0..<250 where room.slow.session?.pointee.phase == .open {
      room.publish(number..<(number + 1), inOneTurn: false)
      room.slow.send(CoreFrame.ping([UInt8(number), 1, 2, 3, 4, 5, 6, 7, 8]))
    }
    #expect(room.slow.session?.pointee.phase == .closing)
    room.slow.read()
    #expect(room.slow.closeCode == 1013)
    room.slow.reset()
    #expect(room.record?.cause == .slowConsumer)
    room.driver.stop()
    #expect(room.driver.leftovers == [])
  }

  @Test("Blocks of which little is left do not add up")
  func blocksOfDroppedMessages() {
    let room = Room(.dropOldest, 20_000)
    room.slow.socket.room = 0
    for number in 0..<250 {
      room.sender.send(.binary(Array(repeating: UInt8(number), count: 5000)))
      room.slow.send(Self.pings(number..<(number + 1)))
      #expect(room.driver.shard.pool.lentByteCount < 2 * 20_000 + 3 * 8192)
    }
    room.slow.read()
    #expect(room.slow.frames.filter(\.isControl) == Self.pongs(0..<250))
    #expect(room.slow.messages.count == 3)
    room.driver.stop()
    #expect(room.driver.leftovers == [])
  }

  @Test("An echo is not read while its replies wait")
  func echo() {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    peer.socket.room = 10
    peer.push((0..<5).map(Self.frame).masked)
    driver.turn()
    peer.push((5..<9).map(Self.frame).masked)
    for _ in 0..<5 { driver.turn() }
    #expect(peer.hasInbound && !peer.socket.isReading && peer.socket.isWriting)
    peer.read()
    #expect(peer.messages == (0..<9).map(Self.frame))
    driver.stop()
    #expect(driver.recording.closed.map(\.droppedMessageCount) == [0])
    #expect(driver.leftovers == [])
  }
}
