// Sessions taken up from the process before. A record comes from outside and may be of another
// version: what it says is checked before a session is made of it, and a connection of which
// nothing can be believed is closed with 1012, as one that could not be kept.

import WebSocketProtocol

/// What the names in the records of a hand-over stand for in a shard.
package struct HandoverPlaces: Sendable {
  /// A route as records name it.
  fileprivate struct RouteName: Hashable, Sendable {
    var pattern: String
    var isBroadcast: Bool
  }

  /// By name; those that are no more stand behind the others in the shard.
  fileprivate var routes: [RouteName: Int] = [:]
  /// The routes that are no more; the first is of connections of which not even the route is known.
  fileprivate var removed = [Route(pattern: RoutePattern(segments: []), mode: .echo)]
  /// Where they begin.
  fileprivate let keptRouteCount: Int
  /// By place in the header: the index of the engine's listener.
  fileprivate let listeners: [Int]

  /// More routes that are no more are none that ever were.
  fileprivate static let maximumRemovedCount = 1000

  fileprivate init(_ table: RouteTable, listeners: [Int]) {
    self.listeners = listeners
    keptRouteCount = table.routes.count
    for (index, route) in table.routes.enumerated() {
      let name = RouteName(
        pattern: route.pattern.description, isBroadcast: route.mode == .broadcast)
      routes[name] = index
    }
  }
}

/// What became of one connection that was handed over.
package enum AdoptionResult: Sendable, Equatable {
  /// It goes on, if only with its closing handshake.
  case adopted
  /// It was told to close, and why is in its record.
  case closed
}

extension Shard where T: ~Copyable {
  /// Prepares for the records of a hand-over; once, before the first of them. `listeners` are the
  /// places of the header's listener names among `policies`, which all are known by from now on.
  package mutating func beginAdoption(listeners indices: [Int], policies: [ListenerPolicy])
    -> HandoverPlaces
  {
    let places = HandoverPlaces(table, listeners: indices)
    listeners = policies
    keepRemoved(places.removed)
    return places
  }

  /// The route that a record names: with another mode it is another route.
  private mutating func route(
    of record: SessionRecord, _ places: inout HandoverPlaces
  ) throws(HandoverFault) -> Int {
    let name = HandoverPlaces.RouteName(pattern: record.route, isBroadcast: record.isBroadcast)
    if let index = places.routes[name] { return index }
    if places.removed.count > HandoverPlaces.maximumRemovedCount { throw .contradiction }
    let index = places.keptRouteCount + places.removed.count
    places.routes[name] = index
    // Nothing is matched against it: all that counts is what it is called.
    places.removed.append(
      Route(
        pattern: RoutePattern(literal: record.route),
        mode: record.isBroadcast ? .broadcast : .echo))
    keepRemoved(places.removed)
    return index
  }

  private mutating func keepRemoved(_ removed: [Route]) {
    table = table.appending(removed: removed)
    rules.deallocate()
    rules = Self.makeRules(table)
    while occupancies.count < table.routes.count { occupancies.append(Occupancy()) }
  }

  /// Makes a session of a record and the socket it is of; nil: there is no such record, or it is
  /// damaged. `peer` is who is at the other end of the socket.
  package mutating func adopt(
    _ record: UnsafeRawBufferPointer?, on socket: Int32, from peer: @autoclosure () -> PeerAddress,
    _ places: inout HandoverPlaces
  ) -> AdoptionResult {
    do throws(HandoverFault) {
      guard let record else { throw .checksum }
      return try adopt(SessionRecord(reading: record), on: socket, &places)
    } catch {
      closeUnreadable(socket, from: peer(), places, error)
      return .closed
    }
  }

  private mutating func adopt(
    _ record: SessionRecord, on socket: Int32, _ places: inout HandoverPlaces
  ) throws(HandoverFault) -> AdoptionResult {
    let isOpened = record.phase != .handshake && !record.isRefused
    guard record.isPossible, Int(record.listener) < places.listeners.count,
      let compression = SessionCompression(handedOver: record.compression)
    else { throw .contradiction }
    let route = isOpened ? try route(of: record, &places) : 0
    let maximumByteCount = rules[route].maximumMessageByteCount
    guard
      let connection = ServerConnection(
        record.connection, maximumMessageByteCount: maximumByteCount, pool: &pool)
    else { throw .contradiction }
    let outbound = WriteQueue(record.unsent, begunByteCount: record.begunByteCount, pool: &pool)
    let contexts = record.contexts.flatMap { CompressionContexts($0) }
    guard let outbound, compression.keepsContext == (contexts != nil) else {
      var (connection, outbound) = (connection, outbound)
      connection.releaseAll(&pool)
      outbound?.removeAll(&pool)
      contexts?.release()
      throw .contradiction
    }
    let session = sessions.make(
      socket: socket, listener: UInt16(places.listeners[Int(record.listener)]), now: now,
      details: SessionDetails(record.facts(now: now, isCountedByPeer: false)))
    session.pointee.route = UInt16(route)
    session.pointee.connection = connection
    session.pointee.outbound = outbound
    session.pointee.compression = compression
    if let contexts { self.contexts[session.pointee.index] = contexts }
    session.pointee.take(record, now: now, pool: &pool)
    if record.cause != nil { closingNotes[session.pointee.index] = record.notes }
    if isOpened { enterOccupancies(session, record) }
    return resume(session, route >= places.keptRouteCount, record)
  }

  /// Counts the session again wherever it was counted: it was let in, so no bound turns it away.
  private mutating func enterOccupancies(_ session: SessionPointer, _ record: SessionRecord) {
    let index = Int(session.pointee.route)
    _ = shared.open.enter(maximum: 0)
    _ = occupancies[index].enter(maximum: 0)
    guard table.routes[index].maximumConnectionCountPerPeer > 0,
      let network = record.peer.limitedNetwork
    else { return }
    _ = occupancies[index].enter(network, maximum: .max)
    session.pointee.details.release()
    session.pointee.details = SessionDetails(record.facts(now: now, isCountedByPeer: true))
  }

  /// Takes the session back into everything, or ends it where it cannot go on.
  private mutating func resume(
    _ session: SessionPointer, _ isRouteRemoved: Bool, _ record: SessionRecord
  ) -> AdoptionResult {
    counters.acceptedCount += 1
    startWatching(session)
    if session.pointee.phase == .dead { return .closed }
    if session.pointee.phase == .open && !rules[Int(session.pointee.route)].isEcho {
      join(session, String(record.path.prefix { $0 != "?" }))
    }
    scheduleDeadline(session)
    updateInterest(session)
    guard session.pointee.phase == .open else { return .adopted }
    if isRouteRemoved {
      fail(session, .routeRemoved, .goingAway, reason: "route removed")
      return .closed
    }
    if session.pointee.connection.reading != .messages {
      let maximum = rules[Int(session.pointee.route)].maximumMessageByteCount
      let byteCount = record.connection.expectedByteCount
      fail(session, .messageTooBig(maximumByteCount: maximum, byteCount: byteCount))
      return .closed
    }
    return .adopted
  }

  /// Closes a connection of which nothing is known: where its frames begin neither, so that nothing
  /// more is read but the end of TCP.
  private mutating func closeUnreadable(
    _ socket: Int32, from peer: PeerAddress, _ places: HandoverPlaces, _ fault: HandoverFault
  ) {
    let facts = SessionDetails.Facts(
      connectionID: connectionIDs.make(), acceptedAt: now, peer: peer)
    let session = sessions.make(
      socket: socket, listener: UInt16(places.listeners.first ?? 0), now: now,
      details: SessionDetails(facts))
    counters.acceptedCount += 1
    session.pointee.route = UInt16(places.keptRouteCount)
    session.pointee.phase = .open
    _ = shared.open.enter(maximum: 0)
    _ = occupancies[places.keptRouteCount].enter(maximum: 0)
    startWatching(session)
    if session.pointee.phase == .dead { return }
    session.pointee.connection.stopReading()
    fail(
      session, .restart, .serviceRestart, reason: "service restart",
      detail: "the state of the process before could not be read: \(fault)")
  }
}

extension SessionRecord {
  /// What no shard that keeps its own rules writes down, beyond what `ConnectionSnapshot` knows.
  fileprivate var isPossible: Bool {
    let readsMessages = connection.reading == ServerConnection.Reading.messages.rawValue
    return switch phase {
    case .handshake:
      connection == ConnectionSnapshot() && unsent.isEmpty && !isRefused && !endsSending
    case .open:
      readsMessages && cause == nil && request.isEmpty && !isRefused && !endsSending
        && path.hasPrefix("/")
    // While closing, a message would be of any size.
    case .closing, .lingering: isRefused || (cause != nil && !readsMessages)
    case .dead: false
    }
  }

  fileprivate func facts(now: Instant, isCountedByPeer: Bool) -> SessionDetails.Facts {
    var facts = SessionDetails.Facts(
      connectionID: connectionID, acceptedAt: now + -Int64(clamping: age), peer: peer)
    facts.via = via
    facts.isCountedByPeer = isCountedByPeer
    facts.path = path
    facts.origin = origin
    facts.userAgent = userAgent
    facts.subprotocol = subprotocol
    facts.restartCount = restartCount == .max ? .max : restartCount + 1
    return facts
  }
}

extension Session {
  fileprivate mutating func take(_ record: SessionRecord, now: Instant, pool: inout BlockPool) {
    phase = record.phase
    awaited = record.awaitsProxyHeader ? .proxyHeader : []
    isRefused = record.isRefused
    endsSending = record.endsSending
    if !record.request.isEmpty {
      let block = pool.take(atLeast: record.request.count + 256)
      record.request.withUnsafeBytes {
        if let base = $0.baseAddress { block.bytes.copyMemory(from: base, byteCount: $0.count) }
      }
      block.pointee.end = record.request.count
      request = block
    }
    lastData = now + -Int64(clamping: record.dataAge)
    lastReceived = now + -Int64(clamping: record.receivedAge)
    // Exactly the origin would stand for nothing owed.
    if record.owedAge > 0 {
      owedSince = max(Instant(microseconds: 1), now + (1 - Int64(clamping: record.owedAge)))
    }
    rateClock = now + Int64(clamping: record.rateAdvance)
    pingRoundTrip = record.pingRoundTrip
    receivedMessageCount = record.receivedMessageCount
    receivedByteCount = record.receivedByteCount
    sentMessageCount = record.sentMessageCount
    sentByteCount = record.sentByteCount
    droppedMessageCount = record.droppedMessageCount
    cause = record.cause
    causePhase = record.causePhase
  }
}
