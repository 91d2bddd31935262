// The engine of a tested shard: what waits at its sockets is received once a turn, as epoll would
// have it, and time passes when the test says so.

import RelayCore

/// One shard and its surroundings.
package final class CoreDriver {
  package var shard: Shard<RecordingTransport>
  package let recording = Recording()
  package internal(set) var now = Instant(microseconds: 1_000_000_000)
  package private(set) var peers: [CorePeer] = []
  /// One receive call gives at most so much.
  package var receiveLimit = Int.max
  private var nextSocket: Int32 = 100
  /// What shards before this one counted of connections that ended there.
  var formerCounters = ShardCounters()
  let limits: Limits
  package let listeners: [ListenerPolicy]
  var routes: [Route]

  package init(
    _ routes: [Route], listeners: [ListenerPolicy] = [ListenerPolicy(name: "test")],
    limits: Limits = Limits()
  ) {
    self.limits = limits
    self.listeners = listeners
    self.routes = routes
    shard = Shard(
      transport: RecordingTransport(recording), routes: RouteTable(routes), listeners: listeners,
      shared: SharedRelayState(limits: limits), firstConnectionID: 1, now: now)
  }

  /// The bytes of an opening handshake.
  package static func request(_ path: String, _ headers: [String] = []) -> [UInt8] {
    let lines =
      [
        "GET \(path) HTTP/1.1", "Host: relay.example", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
      ] + headers
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  /// A connection that has not said anything.
  package func accept(listener: Int = 0, behindTLS: Bool = false) -> CorePeer {
    let peer = makePeer()
    let address = PeerAddress(
      family: .ipv4, port: UInt16(truncatingIfNeeded: nextSocket), high: 0xC000_0207 << 32,
      low: 0)
    turn {
      let session = shard.accept(
        peer.socket.descriptor, from: address, listener: listener, behindTLS: behindTLS)
      shard.startWatching(session)
      peer.session = session.pointee.phase == .dead ? nil : session
    }
    return peer
  }

  /// A connection that no shard knows yet.
  package func makePeer() -> CorePeer {
    nextSocket += 1
    let peer = CorePeer(recording.makeSocket(nextSocket), self)
    peers.append(peer)
    return peer
  }

  /// A connection that has asked for a path.
  package func connect(_ path: String, _ headers: [String] = []) -> CorePeer {
    let peer = accept()
    peer.send(Self.request(path, headers))
    return peer
  }

  /// One turn: every ready socket is received from or written to once.
  package func turn(_ body: () -> Void = {}) {
    shard.beginTurn(now)
    body()
    for peer in peers {
      if peer.isWritable, let session = peer.session { shard.writable(session) }
      if peer.isReadable { peer.receive(into: &shard, atMost: receiveLimit) }
    }
    if shard.isDraining { shard.continueDrain() }
    shard.expireDeadlines()
    shard.endTurn()
  }

  /// Turns until nothing more happens at this time.
  package func settle() {
    repeat { turn() } while peers.contains { $0.isReadable || $0.isWritable }
  }

  /// Lets time pass; the shard has its turns when it asked for them.
  package func advance(_ duration: Duration) {
    let end = now + duration.wholeMicroseconds
    while now < end {
      now = min(end, now + max(1, min(shard.timeUntilDeadline() ?? .max, .max / 2)))
      settle()
    }
  }

  /// Lets time pass without any turn, as on a machine that was suspended.
  package func sleep(_ duration: Duration) {
    now = now + duration.wholeMicroseconds
    settle()
  }

  /// Ends what is left at once.
  package func stop() { turn { shard.dropAll() } }

  /// What should not be there once all connections have ended; empty if all is as it should be.
  package var leftovers: [String] {
    var found = recording.misuses
    if shard.sessionCount != 0 { found.append("\(shard.sessionCount) sessions") }
    if shard.channelCount != 0 { found.append("\(shard.channelCount) channels") }
    if shard.lentBlockCount != 0 { found.append("\(shard.lentBlockCount) blocks") }
    for peer in peers where !peer.socket.isClosed {
      found.append("\(peer.socket.descriptor) is open")
    }
    let records = recording.closed.count + recording.refused.count
    if records != peers.count { found.append("\(records) records of \(peers.count)") }
    found += peers.compactMap { $0.head.contains(" 101 ") ? $0.reader.fault : nil }
    return found + counterFaults
  }

  /// Counters that differ from the sums of the records.
  private var counterFaults: [String] {
    var counters = shard.currentCounters()
    counters.add(formerCounters)
    let closed = recording.closed
    func sum(_ field: (ClosedConnection) -> UInt64) -> Int { Int(closed.map(field).reduce(0, +)) }
    let pairs: [(String, Int, Int)] = [
      ("accepted", counters.acceptedCount, peers.count),
      ("closed", counters.closedCount, closed.count),
      ("by cause", counters.closedCounts.dictionary.values.reduce(0, +), closed.count),
      ("refused", counters.refusedCount, recording.refused.count),
      ("received", Int(counters.receivedMessageCount), sum(\.receivedMessageCount)),
      ("received bytes", Int(counters.receivedByteCount), sum(\.receivedByteCount)),
      ("sent", Int(counters.sentMessageCount), sum(\.sentMessageCount)),
      ("sent bytes", Int(counters.sentByteCount), sum(\.sentByteCount)),
      ("dropped", Int(counters.droppedMessageCount), sum(\.droppedMessageCount)),
    ]
    return pairs.filter { $0.1 != $0.2 }.map { "\($0.0): counted \($0.1), recorded \($0.2)" }
  }
}
