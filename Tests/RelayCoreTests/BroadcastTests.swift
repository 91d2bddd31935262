// Broadcast as dialogues: every member gets everything of its channel but its own, in order, once.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Broadcast")
struct BroadcastTests {
  @Test("Without and with the sender")
  func includesSender() {
    for includes in [false, true] {
      var route = Route(pattern: RoutePattern(literal: "/b"), mode: .broadcast)
      route.includesSender = includes
      let driver = CoreDriver([route])
      let peers = (0..<3).map { _ in driver.connect("/b") }
      peers[0].send(.text("hello"))
      #expect(peers.map(\.texts) == [includes ? ["hello"] : [], ["hello"], ["hello"]])
      driver.stop()
      #expect(driver.leftovers == [])
      #expect(driver.recording.closed.map(\.sentMessageCount) == [includes ? 1 : 0, 1, 1])
      #expect(driver.recording.closed.map(\.sentByteCount) == [includes ? 5 : 0, 5, 5])
      #expect(driver.recording.closed.map(\.receivedMessageCount) == [1, 0, 0])
    }
  }

  @Test("Each concrete path is a channel of its own, the query is no part of it")
  func channels() {
    let driver = CoreDriver(Route.builtIn)
    let a = driver.connect("/room/a?token=1")
    let b = driver.connect("/room/b")
    let other = driver.connect("/room/a?token=2")
    #expect(driver.shard.channelCount == 2)
    a.send(.text("to a"))
    b.send(.text("to nobody"))
    #expect(other.texts == ["to a"] && a.texts == [] && b.texts == [])
    b.end()
    #expect(driver.shard.channelCount == 1)
    driver.stop()
    #expect(driver.leftovers == [])
    #expect(driver.recording.closed.map(\.channel) == ["/room/b", "/room/a", "/room/a"])
    #expect(driver.recording.closed.allSatisfy { $0.route == "/room/{name}" })
  }

  @Test("Several senders in one turn, whose runs alternate", arguments: [1, 2, 40, 70, 300])
  func severalSenders(roundCount: Int) {
    let driver = CoreDriver(Route.builtIn)
    let senders = (0..<3).map { _ in driver.connect("/broadcast") }
    let listener = driver.connect("/broadcast")
    var expected: [[String]] = [[], [], [], []]
    // All in one turn: each ready socket is received once, so a round is one receive of each.
    driver.turn {
      for round in 0..<roundCount {
        for (index, sender) in senders.enumerated() {
          let texts = (0...(round % 3)).map { "\(index).\(round).\($0)" }
          sender.push(texts.map { CoreFrame.text($0) }.masked)
          sender.receive(into: &driver.shard)
          for member in 0..<4 where member != index { expected[member] += texts }
        }
      }
    }
    for (member, peer) in (senders + [listener]).enumerated() {
      #expect(peer.texts == expected[member])
    }
    // One batch goes to the other shards, whoever sent it.
    let batch = driver.recording.batches[0]
    #expect(driver.recording.batches.count == 1)
    #expect(CoreFrameReader(batch.bytes).frames.map(\.text) == expected[3])
    #expect(batch.messageCount == expected[3].count)
    #expect(batch.payloadByteCount == expected[3].reduce(0) { $0 + $1.utf8.count })
    driver.stop()
    #expect(driver.leftovers == [])
    let sent = driver.recording.closed.map { Int($0.sentMessageCount) }
    #expect(sent == expected.map(\.count))
    let bytes = driver.recording.closed.map { Int($0.sentByteCount) }
    #expect(bytes == expected.map { $0.reduce(0) { $0 + $1.utf8.count } })
  }

  @Test("A batch above 64 KiB is sent on in the middle of the turn")
  func largeBatch() {
    let driver = CoreDriver(Route.builtIn)
    let senders = [driver.connect("/broadcast"), driver.connect("/broadcast")]
    let listener = driver.connect("/broadcast")
    var expected: [CoreFrame] = []
    driver.turn {
      for index in 0..<40 {
        let frame = CoreFrame.binary(Array(repeating: UInt8(index), count: 5000))
        expected.append(frame)
        senders[index % 2].push(frame)
        senders[index % 2].receive(into: &driver.shard)
      }
      #expect(listener.frames.count >= 24)
    }
    #expect(listener.frames == expected)
    for parity in 0..<2 {
      #expect(
        senders[parity].frames
          == expected.enumerated().filter { $0.offset % 2 != parity }.map(\.element))
    }
    #expect(
      driver.recording.batches.allSatisfy { $0.bytes.count <= Limits.broadcastBatchByteCount })
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Who joins in the middle of a turn gets what is sent after, not before")
  func joinInATurn() {
    let driver = CoreDriver(Route.builtIn)
    let sender = driver.connect("/broadcast")
    let old = driver.connect("/broadcast")
    let newcomer = driver.accept()
    driver.turn {
      sender.push(CoreFrame.text("before"))
      sender.receive(into: &driver.shard)
      newcomer.push(CoreDriver.request("/broadcast") + CoreFrame.text("hi").masked())
      newcomer.receive(into: &driver.shard)
      sender.push(CoreFrame.text("after"))
      sender.receive(into: &driver.shard)
    }
    #expect(old.texts == ["before", "hi", "after"])
    #expect(newcomer.texts == ["after"])
    #expect(sender.texts == ["hi"])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("What a member published in the turn in which it left is still delivered")
  func leaveInATurn() {
    let endings: [[UInt8]] = [
      CoreFrame.close(1000).masked(), [0xFF, 0xFF], CoreFrame(0x81, [0xFF]).masked(),
    ]
    for ending in endings {
      let driver = CoreDriver(Route.builtIn)
      let sender = driver.connect("/broadcast")
      let old = driver.connect("/broadcast")
      sender.send(CoreFrame.text("last words").masked() + ending)
      #expect(old.texts == ["last words"])
      sender.end()
      old.end()
      #expect(driver.leftovers == [])
    }
  }

  @Test("Batches of other shards come after what was published here before them")
  func fromOtherShards() {
    let driver = CoreDriver(Route.builtIn)
    let sender = driver.connect("/broadcast")
    let member = driver.connect("/broadcast")
    let frames = [CoreFrame.text("far"), .text("away")]
    let batch = RecordedBatch(
      channel: "/broadcast", bytes: frames.flatMap(\.fromServer), messageCount: 2,
      payloadByteCount: 7)
    driver.turn {
      sender.push(CoreFrame.text("here"))
      sender.receive(into: &driver.shard)
      batch.withBatch { driver.shard.deliver($0, on: "/broadcast") }
      batch.withBatch { driver.shard.deliver($0, on: "/room/nobody") }
    }
    #expect(member.texts == ["here", "far", "away"])
    #expect(sender.texts == ["far", "away"])
    #expect(driver.recording.batches.count == 1)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Members that all fail while a batch is delivered")
  func allFail() {
    let driver = CoreDriver(Route.builtIn)
    let peers = (0..<5).map { _ in driver.connect("/broadcast") }
    for peer in peers { peer.socket.sendError = 104 }
    let batch = RecordedBatch(
      channel: "/broadcast", bytes: CoreFrame.text("x").fromServer, messageCount: 1,
      payloadByteCount: 1)
    driver.turn { batch.withBatch { driver.shard.deliver($0, on: "/broadcast") } }
    #expect(driver.leftovers == [])
  }

  @Test(
    "A sender that is closed while its own large message is being published",
    arguments: [0, 104] as [Int32])
  func senderFailsMeanwhile(errno: Int32) {
    var route = Route(pattern: RoutePattern(literal: "/b"), mode: .broadcast)
    route.maximumOutboundByteCount = 40_000
    let driver = CoreDriver([route])
    let sender = driver.connect("/b")
    let other = driver.connect("/b")
    let listener = driver.connect("/b")
    let filler = (0..<12).map { CoreFrame.binary(Array(repeating: UInt8($0), count: 5000)) }
    let large = CoreFrame.binary((0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) })
    let bytes = large.masked()
    listener.socket.room = .max
    sender.send(Array(bytes[..<60_000]))
    driver.turn {
      other.push(filler.masked)
      while other.hasInbound { other.receive(into: &driver.shard) }
      // The sender's turn to fail comes with the batch that its own message pushes out.
      sender.socket.room = 0
      sender.socket.sendError = errno
      sender.push(Array(bytes[60_000...]))
      while sender.socket.isReading && sender.hasInbound { sender.receive(into: &driver.shard) }
    }
    #expect(listener.frames == filler + [large])
    #expect(other.frames == [large])
    driver.stop()
    #expect(driver.leftovers == [])
  }
}
