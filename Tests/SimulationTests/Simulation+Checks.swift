// What must hold in every run: after each turn, when all is quiet, and at the end.

import RelayTestSupport
import WebSocketProtocol

@testable import RelayCore

extension Simulation {
  /// How late a deadline may be: a slot of the wheel is 65 ms.
  private static let allowedDelay: Int64 = 250_000

  // MARK: - After each turn

  func checkTurn(of index: Int) {
    let worker = workers[index]
    for misuse in worker.recording.misuses { report(misuse) }
    let slack = Self.allowedDelay + (now - worker.lastTurn)
    for client in clients where client.worker == index {
      guard let session = client.session else { continue }
      if let cause = session.pointee.cause, client.seenCause == nil {
        client.seenCause = cause
        checkNotEarly(client, session, cause)
      }
      if session.pointee.phase == .dead {
        client.session = nil
        if !client.socket.isClosed { report("client \(client.id) is dead, its socket open") }
        continue
      }
      if session.pointee.lastReceived != client.lastInbound {
        report("client \(client.id): wrong time of the last byte")
      }
      if let due = deadline(of: session, client), now - due > slack {
        report("client \(client.id): deadline \(now - due) µs late, \(session.pointee.phase)")
      }
    }
    checkRecords(of: index)
  }

  /// When something must have happened to a session at the latest.
  private func deadline(of session: SessionPointer, _ client: SimulatedClient) -> Instant? {
    let state = session.pointee
    let route = Simulation.routes().first { $0.pattern.description == client.habits.path }
    switch state.phase {
    case .handshake: return client.acceptedAt + Self.handshakeTimeout.wholeMicroseconds
    case .closing, .lingering:
      return state.owedSince + (state.isRefused ? Limits.refusalLinger : 500_000)
    case .dead: return nil
    case .open:
      guard let route else { return nil }
      let isOwed = state.owedSince != .origin && state.lastReceived <= state.owedSince
      let liveness =
        isOwed ? state.owedSince + 300_000 : max(state.lastReceived, state.owedSince) + 400_000
      var due = min(liveness, state.lastData + route.idleTimeout.wholeMicroseconds)
      if route.maximumLifetime > .zero {
        due = min(due, client.acceptedAt + route.maximumLifetime.wholeMicroseconds)
      }
      return due
    }
  }

  private func checkNotEarly(
    _ client: SimulatedClient, _ session: SessionPointer, _ cause: CloseCause
  ) {
    let (elapsed, least): (Int64, Int64) =
      switch cause {
      case .idleTimeout: (now - session.pointee.lastData, 3_000_000)
      case .pongTimeout: (now - client.lastInbound, 300_000)
      case .maxLifetime: (now - client.acceptedAt, 6_000_000)
      case .closeTimeout: (now - session.pointee.owedSince, 500_000)
      default: (0, 0)
      }
    if elapsed < least { report("client \(client.id): \(cause) after \(elapsed) µs") }
    if cause == .internalError { report("client \(client.id): \(cause)") }
  }

  /// Looks at new records: each is the only one of its connection.
  func checkRecords(of index: Int) {
    let worker = workers[index]
    for closed in worker.recording.closed[worker.closedCount...] {
      if closed.detail.contains("close_timeout"), closed.duration < 500_000 {
        report("client \(closed.peer.port): close timeout after \(closed.duration) µs")
      }
      checkEcho(of: closed)
    }
    worker.closedCount = worker.recording.closed.count
    for refused in worker.recording.refused[worker.refusedCount...] where refused.status == 408 {
      if refused.duration < 900_000 { report("408 after \(refused.duration) µs") }
    }
    worker.refusedCount = worker.recording.refused.count
  }

  /// What a client was sent back when it ended in an orderly way is all that it sent.
  private func checkEcho(of closed: ClosedConnection) {
    let client = clients[Int(closed.peer.port)]
    client.read()
    guard client.habits.path == "/echo", client.fault == nil else { return }
    if client.echoedCount > client.sentCount { report("client \(client.id): too many echoes") }
    if Int(closed.receivedMessageCount) > client.sentCount { report("client \(client.id): count") }
    guard closed.cause == .peerClose || closed.cause == .peerCloseError, closed.isClean,
      closed.unsentByteCount == 0
    else { return }
    if client.echoedCount != Int(closed.receivedMessageCount) {
      report(
        "client \(client.id): \(client.echoedCount) echoes of \(closed.receivedMessageCount)")
    }
    if closed.sentMessageCount != closed.receivedMessageCount {
      report("client \(client.id): counters differ")
    }
  }

  // MARK: - When all is quiet

  /// Every member that is in and up to date has all that was sent since it came.
  func checkBroadcasts() {
    if workers.contains(where: { !$0.mailbox.isEmpty }) { return report("a mailbox is not empty") }
    for client in clients {
      client.read()
      guard client.isBroadcast, client.keepsAll, client.isOpen, let session = client.session,
        session.pointee.phase == .open, session.pointee.outbound.isEmpty
      else { continue }
      for other in clients where other.habits.path == client.habits.path {
        if other.id == client.id && client.habits.path == "/b" { continue }
        guard let owed = client.owedFrom[other.id] ?? 0 as Int? else { continue }
        let published = publishedCount(of: other)
        let last = client.lastNumbers[other.id] ?? -1
        if published > owed && last != published - 1 {
          report(
            "client \(client.id) has \(other.id).\(last), published \(published), owed from \(owed)"
          )
        }
      }
    }
  }

  private func publishedCount(of client: SimulatedClient) -> Int {
    if let session = client.session { return Int(session.pointee.receivedMessageCount) }
    let closed = workers[client.worker].recording.closed.first { Int($0.peer.port) == client.id }
    return Int(closed?.receivedMessageCount ?? 0)
  }

  // MARK: - At the end

  func checkEnd() {
    var recordCounts = Array(repeating: 0, count: clients.count)
    for worker in workers {
      for closed in worker.recording.closed { recordCounts[Int(closed.peer.port)] += 1 }
      for refused in worker.recording.refused { recordCounts[Int(refused.peer.port)] += 1 }
      for misuse in worker.recording.misuses { report(misuse) }
      let shard = worker.shard.currentCounters()
      if worker.shard.sessionCount != 0 { report("\(worker.shard.sessionCount) sessions left") }
      if worker.shard.channelCount != 0 { report("\(worker.shard.channelCount) channels left") }
      if worker.shard.lentBlockCount != 0 { report("\(worker.shard.lentBlockCount) blocks left") }
      if shard.closedCount != worker.recording.closed.count { report("closed counter") }
      if shard.refusedCount != worker.recording.refused.count { report("refused counter") }
      let dropped = worker.recording.closed.reduce(0) { $0 + $1.droppedMessageCount }
      if shard.droppedMessageCount != dropped { report("dropped counter") }
    }
    for client in clients {
      client.read()
      if let fault = client.fault { report("client \(client.id): \(fault)") }
      if !client.socket.isClosed { report("client \(client.id): socket left open") }
      if recordCounts[client.id] != 1 {
        report("client \(client.id): \(recordCounts[client.id]) records")
      }
    }
    if sharedOpenCount != 0 { report("\(sharedOpenCount) connections still counted") }
  }
}
