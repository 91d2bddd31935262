// The whole core on sockets that are none: the input is a script of what peers, operators and time
// do. In the end nothing is left, no session, no block, no socket; each connection has a record.

import RelayCore
import RelayTestSupport

enum ShardTarget {
  private static let maximumPeerCount = 8
  private static let maximumStepCount = 200

  static func check(_ input: inout FuzzInput) {
    let driver = CoreDriver(routes(), listeners: listeners, limits: limits(&input))
    var steps = 0
    while !input.isEmpty && steps < maximumStepCount {
      step(&input, driver)
      steps += 1
    }
    for peer in driver.peers { peer.socket.room = .max }
    driver.receiveLimit = .max
    driver.settle()
    if input.byte() & 1 == 0 { driver.advance(.seconds(40)) }
    driver.stop()
    let leftovers = driver.leftovers
    expect(leftovers.isEmpty, "\(leftovers)")
  }

  private static let paths = [
    "/echo", "/all", "/newest", "/oldest", "/context", "/room/a", "/nowhere", "/limited",
  ]

  private static func routes(without removed: String? = nil) -> [Route] {
    paths.filter { $0 != "/nowhere" && $0 != removed }.map { path in
      let pattern =
        path == "/room/a"
        ? RoutePattern(segments: [.literal("room"), .parameter("name")])
        : RoutePattern(literal: path)
      var route = Route(pattern: pattern, mode: path == "/echo" ? .echo : .broadcast)
      route.includesSender = path == "/all"
      route.idleTimeout = .seconds(9)
      route.pingInterval = .seconds(3)
      route.pingTimeout = .seconds(2)
      route.closeTimeout = .seconds(2)
      route.maximumLifetime = path == "/limited" ? .seconds(12) : .zero
      route.maximumMessageRate = path == "/limited" ? 3 : 0
      route.maximumConnectionCountPerPeer = path == "/limited" ? 2 : 0
      // Some take messages that are received straight into their blocks.
      route.maximumMessageByteCount = path == "/echo" || path == "/all" ? 100_000 : 2000
      route.maximumOutboundByteCount = 2500
      route.slowConsumerPolicy =
        path == "/newest" ? .dropNewest : path == "/oldest" ? .dropOldest : .disconnect
      route.compression = path == "/context" ? .context : path == "/echo" ? .off : .on
      return route
    }
  }

  private static let listeners: [ListenerPolicy] = {
    var proxied = ListenerPolicy(name: "proxied")
    proxied.requiresProxyHeader = true
    return [ListenerPolicy(name: "plain"), proxied]
  }()

  private static func limits(_ input: inout FuzzInput) -> Limits {
    var limits = Limits()
    limits.maximumConnectionCount = input.pick([100, 3])
    limits.maximumHeldByteCount = input.pick([limits.maximumHeldByteCount, 8000])
    return limits
  }

  // MARK: - One step

  private static func step(_ input: inout FuzzInput, _ driver: CoreDriver) {
    let action = input.byte() % 17
    switch action {
    case 0, 1: connect(&input, driver)
    case 2: if let peer = peer(&input, driver) { peer.push(input.take(Int(input.byte()))) }
    case 3, 4, 5: if let peer = peer(&input, driver) { peer.push(frame(&input)) }
    case 6: peer(&input, driver)?.pushEnd()
    case 7: peer(&input, driver)?.pushError(input.pick([104, 110, 113, 32]))
    case 8: if let peer = peer(&input, driver) { peer.socket.room = Int(input.byte()) * 16 }
    case 9: peer(&input, driver)?.socket.sendError = input.pick([32, 104, 110])
    case 10: driver.receiveLimit = Int(input.byte()) + 1
    case 11: driver.advance(.milliseconds(input.pick([1, 100, 1000, 2500, 5000, 10_000])))
    case 12: operate(&input, driver)
    case 13: deliver(&input, driver)
    case 14: driver.turn()
    case 15: driver.restart()
    default: driver.settle()
    }
  }

  private static func peer(_ input: inout FuzzInput, _ driver: CoreDriver) -> CorePeer? {
    driver.peers.isEmpty ? nil : input.pick(driver.peers)
  }

  private static func connect(_ input: inout FuzzInput, _ driver: CoreDriver) {
    guard driver.peers.count < maximumPeerCount else { return }
    let choices = input.byte()
    if choices & 0x80 != 0 { driver.recording.addErrors = [24] }
    let isProxied = choices & 0x10 != 0
    let peer = driver.accept(listener: isProxied ? 1 : 0)
    if isProxied { peer.push(Array("PROXY TCP4 192.0.2.9 192.0.2.1 5000 80\r\n".utf8)) }
    if choices & 0x20 != 0 { return }
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    let headers = choices & 0x08 != 0 ? [offer] : []
    peer.push(CoreDriver.request(paths[Int(choices & 7)], headers))
    if choices & 0x40 == 0 { driver.settle() }
  }

  private static func frame(_ input: inout FuzzInput) -> [UInt8] {
    let first = input.pick([0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xC1, 0xC2, 0x41])
    let size = input.byte()
    // A large payload that costs the input nothing, or one that the input chooses.
    let payload =
      switch size {
      case 0xFF: [UInt8](repeating: UInt8(ascii: "z"), count: 70_000)
      case 0xF0...: [UInt8](repeating: UInt8(ascii: "x"), count: Int(size - 0xEF) * 190)
      default: input.take(Int(size))
      }
    return CoreFrame(UInt8(first), payload).masked()
  }

  private static func operate(_ input: inout FuzzInput, _ driver: CoreDriver) {
    let choice = input.byte()
    driver.turn {
      switch choice & 7 {
      case 0:
        driver.shard.beginDrain(
          cause: .drain, code: .goingAway, spread: .milliseconds(Int(choice >> 3) * 10))
      case 1: driver.shard.dropAll()
      default:
        let table = RouteTable(routes(without: choice & 8 == 0 ? nil : paths[Int(choice >> 5)]))
        driver.shard.reload(routes: table, listeners: listeners)
      }
    }
  }

  /// A batch of another worker.
  private static func deliver(_ input: inout FuzzInput, _ driver: CoreDriver) {
    let channel = paths[Int(input.byte() & 7)]
    let text = [UInt8](repeating: UInt8(ascii: "y"), count: Int(input.byte()) * 8)
    let batch = RecordedBatch(
      channel: channel, bytes: CoreFrame(0x81, text).fromServer, messageCount: 1,
      payloadByteCount: text.count)
    driver.turn { batch.withBatch { driver.shard.deliver($0, on: batch.channel) } }
  }
}
