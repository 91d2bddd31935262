// What an operator does to a running relay: reload, drain, stop, kick, count.

import WebSocketProtocol

/// How a shard closes its sessions when the service stops.
struct DrainProgress {
  let cause: CloseCause
  let code: CloseCode
  let started: Instant
  /// Microseconds over which the closes are spread.
  let spread: Int64
  /// Sessions with an index below this have been told.
  var nextIndex: UInt32 = 0
  let indexLimit: UInt32

  /// Microseconds until more sessions are to be told; nil: all have been.
  var timeUntilNextStep: Int64? { nextIndex < indexLimit ? 20_000 : nil }

  /// Up to which index sessions should have been told by now.
  func dueIndex(_ now: Instant) -> UInt32 {
    let elapsed = now - started
    if spread <= 0 || elapsed >= spread { return indexLimit }
    return UInt32(Int64(indexLimit) * elapsed / spread)
  }
}

extension Shard where T: ~Copyable {
  // MARK: - Reload

  /// Puts other routes in force. Live sessions keep their route by its pattern, with its new
  /// settings; those whose route is gone, or whose mode changed, are closed (1001,
  /// `route-removed`).
  public mutating func reload(routes: RouteTable, listeners policies: [ListenerPolicy]) {
    // Sessions of a removed listener keep its policy for their record.
    listeners = policies + listeners.dropFirst(policies.count)
    if !hub.listed.isEmpty { flushListedChannels() }
    maximumHeldByteCount = shared.maximumHeldByteCountOfShard
    let old = table
    var newIndex: [RoutePattern: Int] = [:]
    for (index, route) in routes.routes.enumerated() { newIndex[route.pattern] = index }
    let moves = old.routes.map { route -> Int? in
      guard let index = newIndex[route.pattern], routes.routes[index].mode == route.mode
      else { return nil }
      return index
    }
    closeSessionsOfRemovedRoutes(moves)
    adopt(routes, keeping: old, moves)
  }

  private mutating func closeSessionsOfRemovedRoutes(_ moves: [Int?]) {
    forEachLiveSession { shard, session in
      guard session.pointee.phase == .open, moves[Int(session.pointee.route)] == nil else { return }
      shard.fail(session, .routeRemoved, .goingAway, reason: "route removed")
    }
  }

  /// Sessions that are closing on a removed route still need its settings, so removed routes are
  /// kept behind the new ones; they are never matched.
  private mutating func adopt(_ routes: RouteTable, keeping old: RouteTable, _ moves: [Int?]) {
    let closing = old.routes.indices.filter { moves[$0] == nil && isRouteInUse($0) }
    let combined = routes.appending(removed: closing.map { old.routes[$0] })
    var target = moves
    for (offset, index) in closing.enumerated() { target[index] = routes.routes.count + offset }
    let oldOccupancies = occupancies
    forEachLiveSession { _, session in
      guard session.pointee.phase != .handshake else { return }
      session.pointee.route = UInt16(target[Int(session.pointee.route)] ?? 0)
    }
    rules.deallocate()
    rules = Self.makeRules(combined)
    table = combined
    occupancies =
      shared.occupancies(for: routes) + closing.map { oldOccupancies[$0] }
    forEachLiveSession { shard, session in
      shard.scheduleDeadline(session)
      shard.updateInterest(session)
    }
  }

  private func isRouteInUse(_ index: Int) -> Bool {
    for sessionIndex in 0..<sessions.indexLimit {
      let session = sessions[sessionIndex]
      if session.pointee.phase != .dead && Int(session.pointee.route) == index { return true }
    }
    return false
  }

  mutating func forEachLiveSession(
    _ body: (inout Shard<T>, SessionPointer) -> Void
  ) {
    for index in 0..<sessions.indexLimit {
      let session = sessions[index]
      if session.pointee.phase != .dead { body(&self, session) }
    }
  }

  // MARK: - Drain and stop

  /// Begins to close all sessions, spread over a time, and refuses new ones with 503.
  public mutating func beginDrain(cause: CloseCause, code: CloseCode, spread: Duration) {
    guard drain == nil else { return }
    drain = DrainProgress(
      cause: cause, code: code, started: now, spread: spread.wholeMicroseconds,
      indexLimit: sessions.indexLimit)
    continueDrain()
  }

  /// Closes the sessions whose time has come since the last step; once a turn while draining.
  public mutating func continueDrain() {
    guard var progress = drain else { return }
    closeDue(&progress) { _, _ in true }
    drain = progress
  }

  mutating func closeDue(
    _ progress: inout DrainProgress, where isMeant: (borrowing Shard<T>, SessionPointer) -> Bool
  ) {
    let due = progress.dueIndex(now)
    while progress.nextIndex < due {
      let session = sessions[progress.nextIndex]
      progress.nextIndex += 1
      if session.pointee.phase == .dead || !isMeant(self, session) { continue }
      if session.pointee.phase == .open {
        let reason = progress.cause == .restart ? "service restart" : "service stopping"
        fail(session, progress.cause, progress.code, reason: reason)
      } else if session.pointee.phase == .handshake {
        refuse(session, .draining(retryAfter: Limits.retryAfter))
      }
    }
  }

  /// Whether `beginDrain` was called; from then on every valid request is refused with 503.
  public var isDraining: Bool { drain != nil }

  /// Ends every session now, with reset where the closing handshake is not done.
  public mutating func dropAll() {
    let cause = drain?.cause ?? .drain
    forEachLiveSession { shard, session in shard.drop(session, cause: cause, reset: true) }
  }

  // MARK: - One connection

  /// Closes the connection with this identity for an operator; false: there is none here. One that
  /// is being opened or closed is cut off.
  public mutating func kick(_ connectionID: UInt64) -> Bool {
    for index in 0..<sessions.indexLimit {
      let session = sessions[index]
      guard session.pointee.phase != .dead,
        session.pointee.details.connectionID == connectionID
      else { continue }
      if session.pointee.phase == .open {
        fail(session, .kick, .policyViolation, reason: "closed by an operator")
      } else {
        drop(session, cause: .kick, reset: true)
      }
      return true
    }
    return false
  }

  // MARK: - Counters

  /// What this shard has counted, live connections included.
  public func currentCounters() -> ShardCounters {
    var sum = counters
    sum.liveCount = sessionCount
    for index in 0..<sessions.indexLimit {
      let session = sessions[index]
      guard session.pointee.phase != .dead else { continue }
      sum.receivedMessageCount &+= session.pointee.receivedMessageCount
      sum.receivedByteCount &+= session.pointee.receivedByteCount
      sum.sentMessageCount &+= session.pointee.sentMessageCount
      sum.sentByteCount &+= session.pointee.sentByteCount
      sum.droppedMessageCount &+= UInt64(session.pointee.droppedMessageCount)
    }
    return sum
  }
}
