// An engine on loopback with routes to test with, and how to reach it.

import CLinux
import Glibc
import RelayCore
import Synchronization
import Testing

@testable import RelayEngine

/// A running engine and its log.
struct TestEngine: Sendable {
  let engine: Engine
  let log: EventLog

  static let loopback = ListenAddress.tcp(host: "127.0.0.1", port: 0)

  /// Starts an engine; port 0 stands for a free one.
  init(
    workers: Int = 2, routes: [Route] = TestEngine.routes,
    listen: [ListenAddress] = [TestEngine.loopback], inherited: [String: Int32] = [:],
    _ configure: (inout EngineSettings) -> Void = { _ in }
  ) throws {
    var settings = Self.settings(routes: routes, listen: listen)
    settings.threadCount = workers
    settings.inheritedSockets = inherited
    configure(&settings)
    log = EventLog()
    engine = try Engine(settings, recorder: log)
  }

  static func settings(
    routes: [Route] = TestEngine.routes, listen: [ListenAddress] = [TestEngine.loopback]
  ) -> EngineSettings {
    let listeners = listen.map {
      EngineSettings.Listener(address: $0, policy: ListenerPolicy(name: $0.description))
    }
    var settings = EngineSettings(routes: RouteTable(routes), listeners: listeners)
    settings.limits.maximumConnectionCount = 20_000
    return settings
  }

  static let routes: [Route] = [
    Route(pattern: RoutePattern(literal: "/echo"), mode: .echo),
    Route(pattern: RoutePattern(literal: "/all"), mode: .broadcast),
    Route(
      pattern: RoutePattern(segments: [.literal("room"), .parameter("name")]), mode: .broadcast),
  ]

  /// A route with other times than usual.
  static func route(
    _ path: String, _ mode: RouteMode = .echo, _ change: (inout Route) -> Void
  ) -> Route {
    var route = Route(pattern: RoutePattern(literal: path), mode: mode)
    change(&route)
    return route
  }

  /// The address to connect to for a listener.
  func address(_ index: Int = 0, host: String = "127.0.0.1") throws -> SocketAddress {
    let listener = engine.listeners[index]
    if case .unix(let path) = listener.address {
      return try #require(SocketAddress(unixPath: path))
    }
    let port = try #require(listener.boundPort)
    return try #require(SocketAddress(numericHost: host, port: port))
  }

  func open(_ path: String, listener: Int = 0) throws -> Client {
    try Client.open(try address(listener), path)
  }

  func open(_ path: String, count: Int) throws -> [Client] {
    let address = try address()
    let clients = try (0..<count).map { _ in try Client(address) }
    for client in clients { try client.request(path) }
    for client in clients { try client.awaitOpen() }
    return clients
  }

  /// How many connections each worker has.
  var loads: [Int] {
    (0..<engine.workerCount).map { engine.exchange.connectionCount(of: $0) }
  }

  /// Asks the engine and waits for the answer.
  func counters() throws -> ShardCounters {
    let answer = Answer()
    engine.count { answer.put($0) }
    return try #require(answer.wait(), "no answer to a question for the counters")
  }

  func stop() {
    engine.stop()
    engine.join()
  }
}

/// One value from another thread.
final class Answer: Sendable {
  private let value = Mutex<ShardCounters?>(nil)

  func put(_ counters: ShardCounters) { value.withLock { $0 = counters } }

  func wait() -> ShardCounters? {
    _ = Wait.until { value.withLock { $0 != nil } }
    return value.withLock { $0 }
  }
}
