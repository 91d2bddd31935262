// What all connections may hold together: who gives way, who does not, and that the bound is kept
// in the midst of whatever makes it short.

import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

@Suite("Shortage of memory")
struct SheddingTests {
  /// A driver whose shard may hold 64 KiB; each message is at most 16 KiB.
  private static func driver(_ change: (inout Route) -> Void = { _ in }) -> CoreDriver {
    var limits = Limits()
    limits.maximumHeldByteCount = 64 << 10
    let routes = [("/b", RouteMode.broadcast), ("/echo", .echo)].map { path, mode in
      var route = Route(pattern: RoutePattern(literal: path), mode: mode)
      route.maximumMessageByteCount = 16 << 10
      change(&route)
      return route
    }
    return CoreDriver(routes, limits: limits)
  }

  private static func closed(_ driver: CoreDriver, _ peer: CorePeer) -> ClosedConnection? {
    driver.recording.closed.first { $0.peer.port == UInt16(peer.socket.descriptor) }
  }

  private static func message(_ byteCount: Int) -> CoreFrame {
    .binary(Array(repeating: 7, count: byteCount))
  }

  @Test("Who holds most gives way; who reads loses nothing")
  func largestFirst() {
    let driver = Self.driver()
    let sender = driver.connect("/b")
    let reader = driver.connect("/b")
    let late = driver.connect("/b")
    let slow = driver.connect("/b")
    slow.socket.room = 0
    for _ in 0..<8 { sender.send(Self.message(3000)) }
    late.socket.room = 0
    for _ in 0..<14 { sender.send(Self.message(3000)) }
    #expect(slow.session?.pointee.phase == .closing)
    #expect(late.session?.pointee.phase == .open)
    #expect(reader.messages.count == 22)
    slow.read()
    #expect(slow.messages.isEmpty && slow.closeCode == 1013)
    slow.send(.close(1013))
    slow.end()
    let record = Self.closed(driver, slow)
    #expect(record?.cause == .shed && record?.isClean == true)
    #expect(record?.sentMessageCount == 0)
    #expect((record?.unsentByteCount ?? 0) > 30_000)
    #expect(record?.detail.hasPrefix("max_buffer_memory=65536 waiting=") == true)
    late.read()
    #expect(late.messages.count == 22)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("One message to more members than there is memory for", arguments: [0, 5])
  func manyMembers(room: Int) {
    let driver = Self.driver()
    let sender = driver.connect("/b")
    let slow = (0..<40).map { _ in driver.connect("/b") }
    let reader = driver.connect("/b")
    for peer in slow { peer.socket.room = room }
    var largest = 0
    for peer in slow {
      peer.socket.largestSend = {
        let waiting = slow.compactMap { $0.session?.pointee.outbound.byteCount }
        largest = max(largest, waiting.reduce(0, +))
        return .max
      }
    }
    for _ in 0..<3 { sender.send(Self.message(10_000)) }
    #expect((20_000...(64 << 10)).contains(largest))
    #expect(reader.messages.count == 3)
    driver.stop()
    let causes = slow.compactMap { Self.closed(driver, $0)?.cause }
    #expect(causes.count == 40)
    #expect(causes.filter { $0 == .shed }.count >= 34)
    #expect(driver.leftovers == [])
  }

  @Test("A frame that is begun cannot be taken back: its connection is reset")
  func begun() {
    let driver = Self.driver()
    let sender = driver.connect("/b")
    let slow = (0..<8).map { _ in driver.connect("/b") }
    for peer in slow { peer.socket.room = 5 }
    sender.send(Self.message(16 << 10))
    #expect(slow.contains { $0.socket.isReset })
    #expect(driver.shard.heldByteCount <= 64 << 10)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Messages that are begun and never finished")
  func incompleteMessages() {
    let driver = Self.driver()
    let good = driver.connect("/echo")
    let bad = (0..<6).map { _ in driver.connect("/echo") }
    for peer in bad { peer.send(Array(Self.message(16 << 10).masked().prefix(1000))) }
    good.send(.text("still here"))
    #expect(good.texts == ["still here"])
    #expect(bad.contains { $0.closeCode == 1013 })
    #expect(driver.shard.heldByteCount <= 64 << 10)
    for peer in bad { peer.end() }
    #expect(bad.contains { Self.closed(driver, $0)?.cause == .shed })
    #expect(Self.closed(driver, good) == nil)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Requests that are not finished are refused with 503")
  func incompleteRequests() {
    let driver = Self.driver()
    let request = Array(CoreDriver.request("/b", ["X: " + String(repeating: "x", count: 4000)]))
    let bad = (0..<12).map { _ in driver.accept() }
    for peer in bad { peer.send(Array(request.dropLast(2))) }
    #expect(bad.contains { $0.head.hasPrefix("HTTP/1.1 503 ") })
    #expect(driver.recording.refused.first?.rule == "short of memory")
    #expect(driver.shard.heldByteCount <= 64 << 10)
    let good = driver.connect("/echo")
    #expect(good.head.hasPrefix("HTTP/1.1 101 "))
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Without memory for contexts, messages are compressed one by one")
  func contexts() {
    let driver = Self.driver { $0.compression = .context }
    let offer = ["Sec-WebSocket-Extensions: permessage-deflate"]
    let peer = driver.connect("/echo", offer)
    #expect(peer.head.contains("server_no_context_takeover"))
    #expect(peer.head.contains("client_no_context_takeover"))
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A reload puts another bound in force")
  func reload() {
    let routes = [Route(pattern: RoutePattern(literal: "/echo"), mode: .echo)]
    let shared = SharedRelayState(limits: Limits(), shardCount: 4)
    let recording = Recording()
    var shard = Shard(
      transport: RecordingTransport(recording), routes: RouteTable(routes), listeners: [],
      shared: shared, firstConnectionID: 1, now: .origin)
    #expect(shard.maximumHeldByteCount == Limits().maximumHeldByteCount / 4)
    var limits = Limits()
    limits.maximumHeldByteCount = 4000
    shared.adopt(limits)
    shard.reload(routes: RouteTable(routes), listeners: [])
    #expect(shard.maximumHeldByteCount == 1000)
  }
}
