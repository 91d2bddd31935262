// The real core on a simulated network in virtual time: some shards connected by slow mailboxes,
// clients of all habits, and a seed that determines every choice.

import RelayTestSupport
import WebSocketProtocol

@testable import RelayCore

/// One shard with what the engine has around it.
final class SimulatedWorker {
  var shard: Shard<RecordingTransport>
  let recording = Recording()
  var mailbox: [(due: Instant, batch: RecordedBatch)] = []
  var lastTurn: Instant
  /// Events that were looked at.
  var closedCount = 0
  var refusedCount = 0

  init(_ index: Int, _ routes: RouteTable, _ shared: SharedRelayState, _ now: Instant) {
    var listener = ListenerPolicy(name: "simulated")
    listener.handshakeTimeout = Simulation.handshakeTimeout
    shard = Shard(
      transport: RecordingTransport(recording), routes: routes, listeners: [listener],
      shared: shared, firstConnectionID: UInt64(index) << 32, now: now)
    lastTurn = now
  }
}

final class Simulation {
  static let handshakeTimeout = Duration.milliseconds(900)

  let seed: UInt64
  var random: SeededGenerator
  var now = Instant(microseconds: 7_000_000_123)
  var workers: [SimulatedWorker] = []
  var clients: [SimulatedClient] = []
  var failures: [String] = []
  private let shared: SharedRelayState
  private var nextSocket: Int32 = 10
  private let jumpStep: Int?
  private let reloadStep: Int?

  init(seed: UInt64) {
    self.seed = seed
    random = SeededGenerator(seed: seed)
    var limits = Limits()
    limits.maximumConnectionCount = random.once(in: 4) ? 6 : 1000
    limits.maximumHeldByteCount = random.once(in: 3) ? 200_000 : limits.maximumHeldByteCount
    shared = SharedRelayState(limits: limits, shardCount: 2)
    jumpStep = random.once(in: 4) ? random.below(Self.stepCount) : nil
    reloadStep = random.once(in: 3) ? random.below(Self.stepCount) : nil
    let table = RouteTable(Self.routes())
    for index in 0..<(2 + random.below(3)) {
      workers.append(SimulatedWorker(index, table, shared, now))
    }
  }

  static let stepCount = 220

  static func routes(without removed: String? = nil) -> [Route] {
    let paths: [String] = ["/echo", "/b", "/b/own", "/newest", "/oldest"]
    return paths.filter { $0 != removed }.map { path in
      var route = Route(
        pattern: RoutePattern(literal: path), mode: path == "/echo" ? .echo : .broadcast)
      route.includesSender = path == "/b/own"
      route.idleTimeout = .seconds(3)
      route.pingInterval = .milliseconds(400)
      route.pingTimeout = .milliseconds(300)
      route.closeTimeout = .milliseconds(500)
      route.maximumLifetime = path == "/echo" ? .seconds(6) : .zero
      route.maximumMessageByteCount = 100_000
      route.slowConsumerPolicy =
        path == "/newest" ? .dropNewest : path == "/oldest" ? .dropOldest : .disconnect
      route.maximumOutboundByteCount = route.slowConsumerPolicy == .disconnect ? 90_000 : 8000
      return route
    }
  }

  /// Connections past their opening handshake, as all shards count them together.
  var sharedOpenCount: Int { shared.open.count }

  func report(_ failure: String) {
    if failures.count < 5 { failures.append("seed \(seed) at \(now.microseconds): \(failure)") }
  }

  // MARK: - The course of a run

  /// Runs from the first connection to the last record; returns what went wrong.
  func run() -> [String] {
    for step in 0..<Self.stepCount where failures.isEmpty {
      if clients.count < 14 && random.once(in: 6) { connect() }
      if step == jumpStep { now = now + Int64(60_000_000 * (1 + random.below(9))) }
      if step == reloadStep { reload() }
      self.step(isActive: true)
    }
    quieten()
    finish()
    checkEnd()
    return failures
  }

  /// Everybody stops sending, and what is under way arrives.
  private func quieten() {
    let end = now + 250_000
    while now < end && failures.isEmpty { step(isActive: false) }
    if failures.isEmpty { checkBroadcasts() }
  }

  /// One of the ways in which a relay ends.
  private func finish() {
    switch random.below(3) {
    case 0: for client in clients { client.close() }
    case 1:
      let spread = Duration.milliseconds(random.pick([0, 300]))
      for worker in workers {
        worker.shard.beginTurn(now)
        worker.shard.beginDrain(cause: .drain, code: .goingAway, spread: spread)
        worker.shard.endTurn()
      }
    default: break
    }
    let end = now + (random.once(in: 3) ? 100_000 : 12_000_000)
    while now < end && failures.isEmpty && workers.contains(where: { $0.shard.sessionCount > 0 }) {
      step(isActive: false)
    }
    for (index, worker) in workers.enumerated() {
      worker.shard.beginTurn(now)
      worker.shard.dropAll()
      worker.shard.endTurn()
      checkRecords(of: index)
    }
  }

  private func connect() {
    nextSocket += 1
    let index = random.below(workers.count)
    let worker = workers[index]
    let socket = worker.recording.makeSocket(nextSocket)
    let client = SimulatedClient(
      id: clients.count, worker: index, socket: socket, seed: seed, now: now)
    clients.append(client)
    if random.once(in: 30) { worker.recording.addErrors = [random.pick([24, 12])] }
    let peer = PeerAddress(
      family: .ipv4, port: UInt16(clients.count - 1), high: 0x7F00_0001 << 32, low: 0)
    worker.shard.beginTurn(now)
    let session = worker.shard.accept(nextSocket, from: peer, listener: 0)
    worker.shard.startWatching(session)
    client.session = session.pointee.phase == .dead ? nil : session
    worker.shard.endTurn()
  }

  private func reload() {
    let removed = random.pick([nil, "/newest", "/b/own"] as [String?])
    let table = RouteTable(Self.routes(without: removed).reversed())
    for worker in workers {
      worker.shard.beginTurn(now)
      worker.shard.reload(routes: table, listeners: worker.shard.listeners)
      worker.shard.endTurn()
    }
  }

  // MARK: - One step

  private func step(isActive: Bool) {
    var delay = Int64(1 + random.below(isActive ? 20_000 : 9000))
    for worker in workers {
      // From the worker's own point in time, which may be a turn ago.
      let due = worker.shard.timeUntilDeadline().map { worker.lastTurn + min($0, .max / 4) - now }
      if let due { delay = min(delay, max(1, due)) }
    }
    now = now + delay
    for client in clients {
      let wasOpen = client.isOpen
      client.act(isActive: isActive)
      if client.isOpen && !wasOpen { noteOpened(client) }
      if let fault = client.fault { report("client \(client.id) \(client.habits.path): \(fault)") }
    }
    for index in workers.indices where !(isActive && random.once(in: 12)) { turn(index) }
  }

  /// From now on the client is owed what others send.
  private func noteOpened(_ client: SimulatedClient) {
    for other in clients where other.habits.path == client.habits.path {
      client.owedFrom[other.id] = other.sentCount
    }
  }

  private func turn(_ index: Int) {
    let worker = workers[index]
    worker.shard.beginTurn(now)
    // Now and then twice in a turn, so that what several publish alternates.
    for _ in 0...(random.once(in: 4) ? 1 : 0) {
      for client in clients.shuffled(using: &random) where client.worker == index {
        serve(client, worker)
      }
    }
    let arrived = worker.mailbox.prefix { $0.due <= now }
    worker.mailbox.removeFirst(arrived.count)
    for (_, batch) in arrived {
      batch.withBatch { worker.shard.deliver($0, on: batch.channel) }
    }
    if worker.shard.isDraining { worker.shard.continueDrain() }
    worker.shard.expireDeadlines()
    worker.shard.endTurn()
    post(from: index)
    checkTurn(of: index)
    worker.lastTurn = now
  }

  /// What a poller would report of one socket.
  private func serve(_ client: SimulatedClient, _ worker: SimulatedWorker) {
    guard let session = client.session else { return }
    if !client.socket.isClosed && client.socket.isWriting
      && (client.socket.room > 0 || client.socket.sendError != 0)
    {
      worker.shard.writable(session)
    }
    guard client.isReadable, !random.once(in: 8) else { return }
    // As in Linux, what came before a reset can still be received, but nothing sent any more.
    if client.error != 0 && (client.inFlightCount == 0 || random.once(in: 3)) {
      return worker.shard.received(session, -Int(client.error))
    }
    if client.inFlightCount == 0 { return worker.shard.received(session, 0) }
    let limit = random.once(in: 3) ? 1 + random.below(500) : .max
    let count = client.take(worker.shard.receiveSpace(session), atMost: limit)
    client.lastInbound = now
    worker.shard.received(session, count)
  }

  /// Carries batches to the other workers; each mailbox keeps their order.
  private func post(from index: Int) {
    for batch in workers[index].recording.batches {
      for (other, worker) in workers.enumerated() where other != index {
        let delay = random.once(in: 10) ? 100_000 : random.below(4000)
        let due = max(now + Int64(delay), worker.mailbox.last?.due ?? now)
        worker.mailbox.append((due, batch))
      }
    }
    workers[index].recording.batches = []
  }
}
