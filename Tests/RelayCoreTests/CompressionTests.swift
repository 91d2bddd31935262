// permessage-deflate through a shard (RFC 7692): what each peer is sent, and in which form.

import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

/// A client that agreed on compression, and reads what it is sent.
final class DeflatingPeer {
  let peer: CorePeer
  private let inflater: Inflater
  private let deflater: Deflater
  private let keepsContext: Bool
  private var readCount = 0
  /// The first bytes of the messages that `texts` has read.
  private(set) var firstBytes: [UInt8] = []
  private var all: [String] = []

  init(_ driver: CoreDriver, _ path: String, _ offer: String = "permessage-deflate") throws {
    peer = driver.connect(path, ["Sec-WebSocket-Extensions: \(offer)"])
    keepsContext = !peer.head.contains("server_no_context_takeover")
    inflater = try #require(Inflater(windowBits: 15))
    deflater = try #require(Deflater(windowBits: 15, memoryLevel: 8))
  }

  deinit {
    inflater.release()
    deflater.release()
  }

  /// The extension the relay agreed on; nil: none.
  var agreed: String? {
    peer.head.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Extensions: ") }
      .map { String($0.dropFirst(26)) }
  }

  func compressed(_ text: String, opcode: UInt8 = 1) -> CoreFrame {
    CoreFrame(0xC0 | opcode, deflate(Array(text.utf8)))
  }

  func deflate(_ payload: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: deflater.maximumByteCount(forPayload: payload.count))
    let count = payload.withUnsafeBytes { input in
      output.withUnsafeMutableBytes {
        deflater.deflate(
          input.baseAddress ?? UnsafeRawPointer($0.baseAddress!), input.count,
          to: $0.baseAddress!, keepsContext: keepsContext)
      }
    }
    return Array(output[..<count])
  }

  /// The texts of all messages it was sent, inflated; each message is inflated once, in order.
  var texts: [String] {
    let messages = peer.messages
    var pool = BlockPool(maximumPooledByteCount: 0)
    for message in messages[readCount...] {
      firstBytes.append(message.firstByte)
      guard message.isCompressed else {
        all.append(message.text)
        continue
      }
      let result = message.payload.withUnsafeBytes {
        inflater.inflate(
          $0.baseAddress!, $0.count, maximumByteCount: 1 << 24, keepsContext: keepsContext,
          pool: &pool)
      }
      guard case .inflated(let block, _) = result else {
        all.append("does not inflate")
        continue
      }
      all.append(
        String(
          decoding: UnsafeRawBufferPointer(start: block.bytes, count: block.pointee.end),
          as: UTF8.self))
      pool.put(block)
    }
    readCount = messages.count
    return all
  }
}

@Suite("Compression")
struct CompressionTests {
  private static func route(
    _ mode: RouteMode, _ compression: CompressionPolicy, _ change: (inout Route) -> Void = { _ in }
  ) -> Route {
    var route = Route(pattern: RoutePattern(literal: "/c"), mode: mode)
    route.compression = compression
    change(&route)
    return route
  }

  private static let text = String(repeating: "{\"id\":1,\"text\":\"hello, relay\"},", count: 20)

  @Test("What is negotiated follows the route")
  func negotiation() throws {
    let without = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    for (policy, expected): (CompressionPolicy, String?) in [
      (.off, nil), (.on, without), (.context, "permessage-deflate; server_max_window_bits=12"),
    ] {
      let driver = CoreDriver([Self.route(.echo, policy)])
      #expect(try DeflatingPeer(driver, "/c").agreed == expected)
      #expect(try DeflatingPeer(driver, "/c", "x-other").agreed == nil)
      #expect(driver.connect("/c").head.contains("Extensions") == false)
      driver.stop()
      #expect(driver.leftovers == [])
    }
    let drops = CoreDriver([Self.route(.echo, .context) { $0.slowConsumerPolicy = .dropOldest }])
    #expect(try DeflatingPeer(drops, "/c").agreed == without)
  }

  @Test("Without a context an echo is the very bytes that came", arguments: [1, 7, 100_000])
  func verbatimEcho(receiveLimit: Int) throws {
    let driver = CoreDriver([Self.route(.echo, .on)])
    driver.receiveLimit = receiveLimit
    let client = try DeflatingPeer(driver, "/c")
    let frames = [
      client.compressed(Self.text), CoreFrame.text("plain"),
      CoreFrame(0xC2, client.deflate(Array(Self.text.utf8))), CoreFrame(0xC1, [0x00]),
      client.compressed(String(repeating: Self.text, count: 200)),
    ]
    client.peer.send(frames.masked)
    #expect(client.peer.messages == frames)
    driver.stop()
    #expect(driver.leftovers == [])
    let record = driver.recording.closed[0]
    #expect(record.receivedMessageCount == 5 && record.sentMessageCount == 5)
    #expect(record.receivedByteCount == UInt64(frames.reduce(0) { $0 + $1.payload.count }))
    #expect(record.sentByteCount == record.receivedByteCount)
  }

  @Test("A compressed message in fragments, with a Ping between")
  func fragments() throws {
    let driver = CoreDriver([Self.route(.echo, .on)])
    let client = try DeflatingPeer(driver, "/c")
    let payload = client.compressed(Self.text).payload
    client.peer.send(CoreFrame(0x41, Array(payload[..<5])).masked())
    client.peer.send(CoreFrame.ping([1]).masked())
    client.peer.send(CoreFrame(0x00, Array(payload[5..<9])).masked())
    client.peer.send(CoreFrame(0x80, Array(payload[9...])).masked())
    #expect(client.peer.frames == [.pong([1]), CoreFrame(0xC1, payload)])
    #expect(client.texts == [Self.text])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A client with a small window gets a large message as it is")
  func smallWindow() throws {
    let driver = CoreDriver([Self.route(.echo, .on)])
    let client = try DeflatingPeer(driver, "/c", "permessage-deflate; server_max_window_bits=9")
    #expect(client.agreed?.hasSuffix("; server_max_window_bits=9") == true)
    let (short, long) = (String(Self.text.prefix(512)), Self.text)
    client.peer.send(client.compressed(short), client.compressed(long))
    #expect(client.texts == [short, long])
    #expect(client.firstBytes == [0xC1, 0x81])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("With contexts a repeated message is but a reference")
  func contextEcho() throws {
    let driver = CoreDriver([Self.route(.echo, .context)])
    let client = try DeflatingPeer(driver, "/c", "permessage-deflate; client_max_window_bits")
    let text = String(Self.text.prefix(600))
    for _ in 0..<5 { client.peer.send(client.compressed(text)) }
    client.peer.send(CoreFrame.text("plain"), client.compressed(""), client.compressed(text))
    #expect(client.texts == Array(repeating: text, count: 5) + ["plain", "", text])
    let sizes = client.peer.messages.map(\.payload.count)
    #expect(sizes[1] < 20 && sizes[1] < sizes[0] && sizes[7] < 20, "\(sizes)")
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test(
    "What is wrong with a compressed message ends the connection", arguments: [true, false])
  func faults(isEcho: Bool) throws {
    let driver = CoreDriver([
      Self.route(isEcho ? .echo : .broadcast, .on) { $0.maximumMessageByteCount = 1000 }
    ])
    let faults: [(CoreFrame, CloseCause, UInt16, String)] = [
      (
        CoreFrame(0xC1, [0x07]), .invalidDeflate, 1007,
        "compressed message does not inflate (RFC 7692 7.2.2)"
      ),
      (
        CoreFrame(0xC1, []), .invalidDeflate, 1007,
        "compressed message does not inflate (RFC 7692 7.2.2)"
      ),
      (
        CoreFrame(0xC2, try deflated([UInt8](repeating: 0, count: 1001))), .messageTooBig, 1009,
        "max_message_size=1000 got=more, inflated"
      ),
      (
        CoreFrame(0xC1, try deflated([0x61, 0xFF])), .invalidUTF8, 1007,
        "text is not UTF-8 (RFC 6455 8.1)"
      ),
      (
        CoreFrame(0xC2, [UInt8](repeating: 0, count: 1190)), .messageTooBig, 1009,
        "max_message_size=1000 got=1190"
      ),
      (
        CoreFrame(0xE1, [0x00]), .protocolError, 1002,
        "RSV bits 6 without an extension (RFC 6455 5.2)"
      ),
    ]
    for (frame, cause, code, detail) in faults {
      let client = try DeflatingPeer(driver, "/c")
      client.peer.send(CoreFrame.text("before"), frame, CoreFrame.close(code))
      client.peer.end()
      #expect(client.peer.closeCode == code)
      #expect(client.texts == (isEcho ? ["before"] : []))
      let record = try #require(driver.recording.closed.last)
      #expect(record.cause == cause && record.detail == detail)
    }
    driver.stop()
    #expect(driver.leftovers == [])
  }

  private func deflated(_ payload: [UInt8]) throws -> [UInt8] {
    try DeflatingPeer(CoreDriver([Self.route(.echo, .on)]), "/c").deflate(payload)
  }

  @Test("Members of every kind get every message but their own, in order, once")
  func broadcast() throws {
    let driver = CoreDriver([Self.route(.broadcast, .on)])
    let plain = driver.connect("/c")
    let members = [
      try DeflatingPeer(driver, "/c"), try DeflatingPeer(driver, "/c"),
      try DeflatingPeer(driver, "/c", "permessage-deflate; server_max_window_bits=10"),
    ]
    var expected: [[String]] = [[], [], [], []]
    for round in 0..<6 {
      driver.turn {
        for (index, peer) in ([plain] + members.map(\.peer)).enumerated() {
          let texts = (0...round).map { "\(index).\(round).\($0) \(Self.text)" } + ["\(round)"]
          for text in texts {
            let frame =
              index == 0 ? CoreFrame.text(text) : members[index - 1].compressed(text)
            peer.push(frame)
          }
          peer.receive(into: &driver.shard)
          for other in expected.indices where other != index { expected[other] += texts }
        }
      }
      driver.settle()
    }
    #expect(plain.texts == expected[0])
    for (index, member) in members.enumerated() {
      #expect(member.texts == expected[index + 1], "\(index)")
    }
    #expect(members[0].firstBytes.contains(0xC1))
    #expect(!members[2].firstBytes.contains(0xC1), "a small window")
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Members with contexts", arguments: [false, true])
  func broadcastWithContexts(includesSender: Bool) throws {
    let driver = CoreDriver([
      Self.route(.broadcast, .context) { $0.includesSender = includesSender }
    ])
    let plain = driver.connect("/c")
    let members = try (0..<3).map { _ in try DeflatingPeer(driver, "/c") }
    var expected: [[String]] = [[], [], [], []]
    for round in 0..<20 {
      driver.turn {
        for index in [round % 4, (round + 1) % 4, round % 4] {
          let text = "\(round).\(index) \(Self.text)"
          let peer = index == 0 ? plain : members[index - 1].peer
          peer.push(index == 0 ? CoreFrame.text(text) : members[index - 1].compressed(text))
          peer.receive(into: &driver.shard)
          for other in expected.indices where includesSender || other != index {
            expected[other].append(text)
          }
        }
      }
      driver.settle()
    }
    #expect(plain.texts == expected[0])
    for (index, member) in members.enumerated() {
      #expect(member.texts == expected[index + 1], "\(index)")
      #expect(!member.firstBytes.contains(0x81))
    }
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("What came uncompressed is compressed once, if it shrinks")
  func compressedHere() throws {
    let driver = CoreDriver([Self.route(.broadcast, .on)])
    let plain = driver.connect("/c")
    let members = try (0..<2).map { _ in try DeflatingPeer(driver, "/c") }
    var random = SeededGenerator(seed: 1)
    let noise = (0..<500).map { _ in UInt8.random(in: 0...255, using: &random) }
    plain.send(.text(Self.text), .text("short"), .binary(noise))
    for member in members {
      #expect(member.texts[..<2] == [Self.text, "short"])
      #expect(member.firstBytes == [0xC1, 0x81, 0x82])
      #expect(member.peer.messages[2].payload == noise)
      #expect(member.peer.messages[0].payload.count < Self.text.utf8.count / 4)
    }
    #expect(members[0].peer.messages == members[1].peer.messages)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Another shard gets both forms, or makes the compressed one itself")
  func otherShards() throws {
    let first = CoreDriver([Self.route(.broadcast, .on)])
    let sender = try DeflatingPeer(first, "/c")
    let second = CoreDriver([Self.route(.broadcast, .on)])
    let plain = second.connect("/c")
    let member = try DeflatingPeer(second, "/c")
    sender.peer.send(sender.compressed(Self.text), .text("plain"))
    let batch = try #require(first.recording.batches.first)
    #expect(batch.deflated != nil)
    batch.withBatch { batch in second.turn { second.shard.deliver(batch, on: "/c") } }
    var bare = batch
    bare.deflated = nil
    bare.withBatch { batch in second.turn { second.shard.deliver(batch, on: "/c") } }
    #expect(plain.texts == [Self.text, "plain", Self.text, "plain"])
    #expect(member.texts == plain.texts)
    #expect(member.firstBytes == [0xC1, 0x81, 0xC1, 0x81])
    for driver in [first, second] {
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }

  @Test("The last member who wants it leaves in the middle of a turn")
  func lastMemberLeaves() throws {
    let driver = CoreDriver([Self.route(.broadcast, .on)])
    let sender = driver.connect("/c")
    let plain = driver.connect("/c")
    let member = try DeflatingPeer(driver, "/c")
    driver.turn {
      sender.push(.text("1 \(Self.text)"))
      sender.receive(into: &driver.shard)
      member.peer.pushError(104)
      member.peer.receive(into: &driver.shard)
      sender.push(.text("2 \(Self.text)"))
      sender.receive(into: &driver.shard)
    }
    driver.settle()
    #expect(plain.texts == ["1 \(Self.text)", "2 \(Self.text)"])
    #expect(driver.recording.batches.count == 1)
    #expect(driver.recording.batches[0].deflated == nil)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A slow consumer with a context is disconnected, whatever a reload made the policy")
  func slowConsumer() throws {
    let route = Self.route(.broadcast, .context) { $0.maximumOutboundByteCount = 4096 }
    let driver = CoreDriver([route])
    let sender = driver.connect("/c")
    let member = try DeflatingPeer(driver, "/c")
    var changed = route
    changed.slowConsumerPolicy = .dropOldest
    driver.shard.reload(routes: RouteTable([changed]), listeners: [ListenerPolicy(name: "test")])
    member.peer.socket.room = 0
    var random = SeededGenerator(seed: 2)
    for _ in 0..<200 {
      sender.send(.text(String((0..<100).map { _ in "abcdefghij".randomElement(using: &random)! })))
    }
    #expect(member.peer.socket.isClosed == false)
    member.peer.read()
    #expect(member.peer.closeCode == 1013)
    driver.stop()
    #expect(driver.leftovers == [])
    #expect(driver.recording.closed.map(\.cause).contains(.slowConsumer))
  }
}
