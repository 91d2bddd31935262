// Deadlines: handshake, idle, ping and pong, close, lifetime. A session stands in the wheel for the
// earliest; when its turn comes it is asked what is due, and put on again.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Acts on deadlines that have come, on so many of them at most; others are still due.
  @inline(__always)
  public mutating func expireDeadlines(maximum: Int = Limits.maximumDeadlinesPerTurn) {
    for _ in 0..<maximum {
      guard let session = wheel.popDue(now: now, in: sessions) else { return }
      expire(session)
    }
  }

  /// Microseconds until the shard must have a turn even if nothing arrives; nil: no need.
  public func timeUntilDeadline() -> Int64? {
    let next = wheel.timeUntilNext(now: now)
    guard let step = drain?.timeUntilNextStep ?? departure?.timeUntilNextStep else { return next }
    return min(next ?? step, step)
  }

  mutating func scheduleDeadline(_ session: SessionPointer) {
    if let instant = nextDeadline(session) {
      wheel.schedule(session, at: instant, in: sessions)
    } else {
      wheel.cancel(session, in: sessions)
    }
  }

  private mutating func nextDeadline(_ session: SessionPointer) -> Instant? {
    let rules = self.rules[Int(session.pointee.route)]
    switch session.pointee.phase {
    case .dead: return nil
    case .handshake:
      let timeout = listeners[Int(session.pointee.listener)].handshakeTimeout
      return session.pointee.details.acceptedAt + timeout.wholeMicroseconds
    case .closing, .lingering:
      return session.pointee.owedSince + closeTimeout(session)
    case .open:
      var next: Instant?
      if rules.idleTimeout > 0 { next = session.pointee.lastData + rules.idleTimeout }
      if rules.maximumLifetime > 0 {
        let end = session.pointee.details.acceptedAt + rules.maximumLifetime
        next = min(next ?? end, end)
      }
      if let liveness = livenessDeadline(session, rules) { next = min(next ?? liveness, liveness) }
      return next
    }
  }

  /// When the next Ping is to be sent, or the Pong for the last one is overdue.
  private func livenessDeadline(_ session: SessionPointer, _ rules: RouteRules) -> Instant? {
    if rules.pingInterval == 0 { return nil }
    if isOwedPong(session) && rules.pingTimeout > 0 {
      return session.pointee.owedSince + rules.pingTimeout
    }
    return max(session.pointee.lastReceived, session.pointee.owedSince) + rules.pingInterval
  }

  /// Whether no byte at all came since the last Ping: any byte proves life.
  private func isOwedPong(_ session: SessionPointer) -> Bool {
    session.pointee.owedSince != .origin
      && session.pointee.lastReceived <= session.pointee.owedSince
  }

  private func closeTimeout(_ session: SessionPointer) -> Int64 {
    session.pointee.isRefused
      ? Limits.refusalLinger : rules[Int(session.pointee.route)].closeTimeout
  }

  @inline(never)
  private mutating func expire(_ session: SessionPointer) {
    if let due = nextDeadline(session), due <= now {
      switch session.pointee.phase {
      case .dead: return
      case .handshake:
        if session.pointee.awaited == .tls {
          failLateTLS(session)
        } else {
          refuseLateRequest(session)
        }
      case .closing, .lingering: closeTimedOut(session)
      case .open: expireOpen(session)
      }
    }
    if session.pointee.phase != .dead { scheduleDeadline(session) }
  }

  private mutating func expireOpen(_ session: SessionPointer) {
    let rules = self.rules[Int(session.pointee.route)]
    let acceptedAt = session.pointee.details.acceptedAt
    if rules.maximumLifetime > 0 && acceptedAt + rules.maximumLifetime <= now {
      fail(
        session, .maxLifetime, .goingAway, reason: "maximum lifetime",
        detail: "max_lifetime=\(Self.seconds(rules.maximumLifetime))")
    } else if rules.idleTimeout > 0 && session.pointee.lastData + rules.idleTimeout <= now {
      fail(
        session, .idleTimeout, CloseCode(rawValue: rules.idleCloseCode), reason: "idle timeout",
        detail: "idle_timeout=\(Self.seconds(rules.idleTimeout))")
    } else if isOwedPong(session) {
      pongTimedOut(session, rules)
    } else if rules.pingInterval > 0 {
      sendPing(session)
    }
  }

  /// Nothing came since the Ping. An echo whose replies its peer does not take was not read, so its
  /// silence is the relay's own doing: that is a slow consumer, not a dead one.
  private mutating func pongTimedOut(_ session: SessionPointer, _ rules: RouteRules) {
    if rules.pingTimeout == 0 { return sendPing(session) }
    if !session.pointee.interest.contains(.reading) { return failSlowConsumer(session) }
    fail(
      session, .pongTimeout, .internalError, reason: "pong timeout",
      detail: "ping_timeout=\(Self.seconds(rules.pingTimeout)) "
        + "unsent=\(session.pointee.outbound.byteCount)")
  }

  private mutating func sendPing(_ session: SessionPointer) {
    session.pointee.owedSince = now
    withUnsafeBytes(of: UInt64(bitPattern: now.microseconds).bigEndian) {
      sendControl(.ping, $0, on: session)
    }
  }

  /// RFC 6455 §5.5.3: a Pong may answer the latest Ping, or none; only the latest gives a round
  /// trip.
  mutating func receivedPong(_ session: SessionPointer, _ payload: UnsafeRawBufferPointer) {
    guard payload.count == 8, session.pointee.owedSince != .origin else { return }
    let sent = Int64(bitPattern: UInt64(bigEndian: payload.loadUnaligned(as: UInt64.self)))
    guard sent == session.pointee.owedSince.microseconds else { return }
    session.pointee.pingRoundTrip = UInt32(clamping: max(1, now - session.pointee.owedSince))
    session.pointee.owedSince = .origin
  }

  /// The peer did not finish the closing handshake, or TCP after it, in time.
  private mutating func closeTimedOut(_ session: SessionPointer) {
    if !session.pointee.isRefused {
      let timeout = Self.seconds(rules[Int(session.pointee.route)].closeTimeout)
      let isPeersClose = session.pointee.cause == .peerClose
      if isPeersClose { session.pointee.cause = .closeTimeout }
      note(session) {
        $0.detail += $0.detail.isEmpty ? "close_timeout=\(timeout)" : " close_timeout=\(timeout)"
      }
    }
    drop(session, cause: .closeTimeout, reset: true)
  }

  /// A time as the configuration writes it.
  static func seconds(_ microseconds: Int64) -> String {
    microseconds % 1_000_000 == 0
      ? "\(microseconds / 1_000_000)s" : "\(microseconds / 1000)ms"
  }
}
