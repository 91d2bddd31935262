// The formula of docs/memory.md: computed from the types and the default settings, compared with
// the page, and with what a shard really holds for the worst of peers.

import Foundation
import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

/// The most memory a connection of a route and a listener may take, in bytes.
struct MemoryBound {
  var route: Route
  var listener: ListenerPolicy

  /// The session, what its record needs, its channel.
  static let connection = 4096

  static func block(_ count: Int) -> Int {
    var pool = BlockPool(maximumPooledByteCount: 0)
    let block = pool.take(atLeast: count)
    defer { pool.put(block) }
    return block.byteCount
  }

  var handshake: Int { Self.connection + Self.block(listener.maximumRequestByteCount + 256) }

  var idle: Int {
    Self.connection + (route.compression == .context ? CompressionContexts.maximumByteCount : 0)
  }

  var receiving: Int {
    let maximum = route.maximumMessageByteCount
    let message = route.compression == .off ? maximum : maximum + maximum / 8 + 64
    return idle + Self.block(message)
      + Self.block(FrameHeader.maximumByteCount + FrameHeader.maximumControlPayloadByteCount)
  }

  var waiting: Int {
    idle + 2
      * (route.maximumOutboundByteCount + route.maximumMessageByteCount
        + FrameHeader.maximumServerByteCount)
  }

  var worst: Int { receiving + waiting - idle }
}

@Suite("Memory of a connection")
struct MemoryBoundTests {
  private static let bound = MemoryBound(
    route: Route(pattern: RoutePattern(literal: "/b"), mode: .broadcast),
    listener: ListenerPolicy(name: "test"))

  @Test("docs/memory.md has the figures of the defaults")
  func page() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "docs/memory.md"), encoding: .utf8)
    let figures = [
      ("handshake", Self.bound.handshake), ("idle", Self.bound.idle),
      ("receiving", Self.bound.receiving), ("waiting", Self.bound.waiting),
      ("worst", Self.bound.worst),
    ]
    for (state, byteCount) in figures {
      let row = page.split(separator: "\n").first { $0.hasPrefix("| \(state) |") }
      #expect(row?.hasSuffix("| \(byteCount) |") == true, "\(state) \(byteCount): \(row ?? "none")")
    }
    #expect(page.contains("\(CompressionContexts.maximumByteCount) with `compression"))
    #expect(page.contains("| \(Limits.receiveBufferByteCount >> 10) KiB |"))
    #expect(page.contains("at most \(Limits.maximumPooledByteCount >> 20) MiB"))
    #expect(page.contains("| \(Limits.maximumMailboxByteCount >> 20) MiB, and one batch |"))
  }

  /// A driver with small bounds, one peer of which is as bad as it can be.
  private static func held(
    _ policy: SlowConsumerPolicy, _ sizes: [Int], room: Int = 3
  ) -> (Int, MemoryBound) {
    var route = Self.bound.route
    route.maximumMessageByteCount = 20_000
    route.maximumOutboundByteCount = 30_000
    route.slowConsumerPolicy = policy
    let driver = CoreDriver([route])
    let sender = driver.connect("/b")
    let bad = driver.connect("/b")
    bad.socket.room = room
    var largest = 0
    for size in sizes {
      bad.send(CoreFrame.ping(Array(repeating: 1, count: size % 126)))
      sender.send(.binary(Array(repeating: 7, count: size)))
      largest = max(largest, driver.shard.heldByteCount)
    }
    // On top of what waits: a message that is never finished, and a header cut in two.
    if bad.session?.pointee.phase == .open {
      let begun = CoreFrame(0x02, Array(repeating: 1, count: 19_999)).masked()
      bad.send(begun + CoreFrame(0x00, [1, 2]).masked().prefix(3))
      largest = max(largest, driver.shard.heldByteCount)
    }
    driver.stop()
    return (largest, MemoryBound(route: route, listener: Self.bound.listener))
  }

  @Test(
    "What a shard holds for one peer is within the formula",
    arguments: SlowConsumerPolicy.allCases)
  func withinFormula(policy: SlowConsumerPolicy) {
    var random = SeededGenerator(seed: 7)
    var largest = 0
    for round in 0..<60 {
      let most = [100, 600, 1100, 5000, 20_000][round % 5]
      let sizes = (0..<80).map { _ in round % 2 == 0 ? most : random.below(most) }
      let (held, bound) = Self.held(policy, sizes, room: 3 + random.below(40_000))
      #expect(held <= bound.worst - bound.idle, "round \(round)")
      largest = max(largest, held)
    }
    // A bound that nothing comes near would say nothing.
    #expect(largest > 40_000)
  }

  @Test("A request and a pair of contexts are within the formula")
  func requestAndContexts() throws {
    let driver = CoreDriver([Self.bound.route])
    let bad = driver.accept()
    bad.send(
      Array(CoreDriver.request("/b", ["X: " + String(repeating: "x", count: 7900)]).dropLast()))
    let held = driver.shard.heldByteCount
    #expect((8000...(Self.bound.handshake - MemoryBound.connection)).contains(held))
    driver.stop()
    #expect(driver.leftovers == [])
  }
}
