// Sessions written down for the process that comes next. Between two turns every session is a
// value: what was received is used up, what was published is sent or queued. So nothing has to be
// undone where the hand-over fails: the shard is as it was, and goes on.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// The listeners that records name by their place: the same in all shards of a relay, as all have
  /// heard of the same reloads.
  package var listenerNames: [String] { listeners.map(\.name) }

  /// Writes down each session that another process can go on with, with the socket it is of; only
  /// after `endTurn`. The shard keeps them.
  package mutating func exportSessions(_ body: (_ record: [UInt8], _ socket: Int32) -> Void) {
    forEachLiveSession { shard, session in
      let socket = session.pointee.socket
      if shard.transport.canMove(socket) { body(shard.makeRecord(of: session).encoded(), socket) }
    }
  }

  /// Begins to close the sessions that no other process can go on with, spread over a time;
  /// `continueDeparture` once a turn from then on.
  package mutating func beginDeparture(spread: Duration) {
    departure = DrainProgress(
      cause: .restart, code: .serviceRestart, started: now, spread: spread.wholeMicroseconds,
      indexLimit: sessions.indexLimit)
    continueDeparture()
  }

  /// Closes those whose time has come since the last step.
  package mutating func continueDeparture() {
    guard var progress = departure else { return }
    closeDue(&progress) { shard, session in !shard.transport.canMove(session.pointee.socket) }
    departure = progress
  }

  /// There is no hand-over after all; who was closed is closed.
  package mutating func cancelDeparture() { departure = nil }

  /// Ends those that have not left yet, with FIN: a reset might overtake their Close frame.
  package mutating func endDeparture() {
    forEachLiveSession { shard, session in
      if shard.transport.canMove(session.pointee.socket) { return }
      shard.fail(session, .restart, .serviceRestart, reason: "service restart")
      shard.drop(session, cause: .restart)
    }
  }

  /// Lets go of all sessions, which another process has now: their descriptors are closed here, and
  /// nothing is recorded, because nothing has ended.
  package mutating func forgetSessions() {
    forEachLiveSession { shard, session in
      shard.hub.leave(session)
      shard.wheel.cancel(session, in: shard.sessions)
      shard.release(session)
    }
  }

  /// One session as a record.
  func makeRecord(of session: SessionPointer) -> SessionRecord {
    var record = SessionRecord()
    let facts = session.pointee.details.facts
    record.take(facts)
    record.take(session.pointee, now: now)
    if session.pointee.isOpened {
      let route = table.routes[Int(session.pointee.route)]
      record.route = route.pattern.description
      record.isBroadcast = route.mode == .broadcast
    }
    record.age = Self.age(of: facts.acceptedAt, now)
    if session.pointee.compression.keepsContext {
      record.contexts = contexts[session.pointee.index]?.snapshot
    }
    record.notes = closingNotes[session.pointee.index] ?? ClosingNotes()
    return record
  }

  private static func age(of instant: Instant, _ now: Instant) -> UInt64 {
    UInt64(max(0, now - instant))
  }
}

extension SessionRecord {
  fileprivate mutating func take(_ facts: SessionDetails.Facts) {
    connectionID = facts.connectionID
    peer = facts.peer
    via = facts.via
    path = facts.path
    origin = facts.origin
    userAgent = facts.userAgent
    subprotocol = facts.subprotocol
    restartCount = facts.restartCount
    isCountedByPeer = facts.isCountedByPeer
  }

  fileprivate mutating func take(_ session: Session, now: Instant) {
    listener = session.listener
    phase = session.phase
    awaitsProxyHeader = session.awaited.contains(.proxyHeader)
    isRefused = session.isRefused
    endsSending = session.endsSending
    if let block = session.request {
      request = Array(UnsafeRawBufferPointer(start: block.bytes, count: block.pointee.end))
    }
    connection = session.connection.snapshot
    unsent = session.outbound.bytes
    begunByteCount = session.outbound.begunByteCount
    compression = session.compression.code
    takeFigures(of: session, now: now)
    cause = session.cause
    causePhase = session.causePhase
  }

  private mutating func takeFigures(of session: Session, now: Instant) {
    dataAge = UInt64(max(0, now - session.lastData))
    receivedAge = UInt64(max(0, now - session.lastReceived))
    owedAge = session.owedSince == .origin ? 0 : UInt64(max(0, now - session.owedSince)) + 1
    rateAdvance = UInt64(max(0, session.rateClock - now))
    pingRoundTrip = session.pingRoundTrip
    receivedMessageCount = session.receivedMessageCount
    receivedByteCount = session.receivedByteCount
    sentMessageCount = session.sentMessageCount
    sentByteCount = session.sentByteCount
    droppedMessageCount = session.droppedMessageCount
  }
}
