// How connections end. Whoever notices the end names a cause, and the first cause wins; at most one
// Close frame is sent; `drop` is the one exit and the one place that records a `ClosedConnection`.
//
// A Close frame must reach the peer: after it our direction is ended with FIN and the peer's is
// read to its end. Closing the socket at once would turn unread bytes into a reset, which destroys
// the Close frame on its way.

import WebSocketProtocol

/// Texts of an end in progress.
struct ClosingNotes: Equatable, Sendable {
  var detail = ""
  var reasonSent = ""
  var reasonReceived = ""
  var unsentByteCount = 0
  /// Where TLS failed: who gave up.
  var tlsEndedByPeer = true
}

extension Shard where T: ~Copyable {
  // MARK: - Ends that the relay begins

  /// Ends a connection for what its peer did wrong.
  mutating func fail(_ session: SessionPointer, _ violation: ProtocolViolation) {
    let cause: CloseCause =
      switch violation {
      case .invalidUTF8InText, .invalidUTF8InCloseReason: .invalidUTF8
      case .invalidDeflate: .invalidDeflate
      case .messageTooBig, .inflatedMessageTooBig: .messageTooBig
      default: .protocolError
      }
    let detail =
      switch violation {
      case .messageTooBig(let maximum, let count): "max_message_size=\(maximum) got=\(count)"
      case .inflatedMessageTooBig(let maximum): "max_message_size=\(maximum) got=more, inflated"
      default: violation.description
      }
    fail(session, cause, violation.closeCode, reason: violation.description, detail: detail)
  }

  /// Begins the closing handshake for a cause of the relay's.
  @inline(never)
  mutating func fail(
    _ session: SessionPointer, _ cause: CloseCause, _ code: CloseCode, reason: String,
    detail: String = ""
  ) {
    guard session.pointee.phase == .open else { return }
    setCause(session, cause)
    note(session) {
      $0.detail = detail
      $0.reasonSent = reason
    }
    sendClose(session, CloseFrame(code: code, reason: reason))
    guard session.pointee.phase == .open else { return }
    session.pointee.phase = .closing
    // Bytes that are no frames, or come after a Close, hold no answer: only the end of TCP is left.
    if session.pointee.connection.reading == .nothing { endSendingWhenFlushed(session) }
    session.pointee.owedSince = now
    scheduleDeadline(session)
    updateInterest(session)
  }

  private mutating func sendClose(
    _ session: SessionPointer, _ frame: CloseFrame, isLast: Bool = false
  ) {
    hub.leave(session)
    session.pointee.connection.releaseMessage(&pool)
    guard session.pointee.connection.sendClose(frame) else { return }
    frame.withPayload { sendControl(.close, $0, on: session, isLast: isLast) }
  }

  // MARK: - Ends that the peer begins or finishes

  /// The peer's Close arrived: answer it if it is the first, and end TCP.
  mutating func receivedClose(_ session: SessionPointer, _ frame: CloseFrame) {
    if !frame.reason.isEmpty { note(session) { $0.reasonReceived = frame.reason } }
    if session.pointee.phase == .open {
      setCause(session, Self.cause(ofReceived: frame.code))
      // RFC 6455 §5.5.1: the answer echoes the code; an empty Close gets an empty one.
      sendClose(session, CloseFrame(code: frame.code), isLast: true)
      guard session.pointee.phase == .open else { return }
    }
    session.pointee.phase = .lingering
    session.pointee.owedSince = now
    endSendingWhenFlushed(session)
    scheduleDeadline(session)
  }

  private static func cause(ofReceived code: CloseCode?) -> CloseCause {
    switch code?.rawValue {
    case 1002, 1003, 1007, 1008, 1009, 1010, 1011: .peerCloseError
    default: .peerClose
    }
  }

  /// The peer ended its direction of TCP.
  @inline(never)
  mutating func receivedEnd(_ session: SessionPointer) {
    drop(session, cause: .peerFin, endedByPeer: true)
  }

  /// A call on the socket failed.
  @inline(never)
  mutating func socketFailed(_ session: SessionPointer, _ errno: Int32) {
    drop(session, cause: CloseCause(errno: errno), errno: errno, reset: true)
  }

  // MARK: - The end of TCP

  /// Ends our direction once everything queued is sent.
  mutating func endSendingWhenFlushed(_ session: SessionPointer) {
    session.pointee.endsSending = true
    if session.pointee.outbound.isEmpty { endSendingNow(session) } else { updateInterest(session) }
  }

  mutating func endSendingNow(_ session: SessionPointer) {
    session.pointee.endsSending = false
    session.pointee.phase = .lingering
    transport.endSending(session.pointee.socket)
    setInterest(session, reading: true, writing: false)
  }

  /// The one exit: takes the session out of everything, closes its socket, and records its end.
  @inline(never)
  mutating func drop(
    _ session: SessionPointer, cause: CloseCause, errno: Int32 = 0, reset: Bool = false,
    endedByPeer: Bool = false
  ) {
    let phase = session.pointee.phase
    if phase == .dead { return }
    setCause(session, cause)
    hub.leave(session)
    wheel.cancel(session, in: sessions)
    if !session.pointee.isRefused {
      record(session, errno: errno, endedByPeer: endedByPeer)
    }
    if session.pointee.isOpened { leaveOccupancies(session) }
    release(session, reset: reset)
  }

  /// Closes the socket of a session that is out of everything, and gives back all it has.
  mutating func release(_ session: SessionPointer, reset: Bool = false) {
    transport.close(session.pointee.socket, reset: reset)
    session.pointee.connection.releaseAll(&pool)
    session.pointee.outbound.removeAll(&pool)
    releaseRequest(session)
    if session.pointee.isForward { leaveForward(session) }
    session.pointee.details.release()
    if session.pointee.compression.keepsContext { releaseContexts(session) }
    if !closingNotes.isEmpty { closingNotes[session.pointee.index] = nil }
    session.pointee.phase = .dead
    ended.append(session)
  }

  mutating func leaveOccupancies(_ session: SessionPointer) {
    let occupancy = occupancies[Int(session.pointee.route)]
    occupancy.leave()
    shared.open.leave()
    if session.pointee.details.isCountedByPeer,
      let peer = session.pointee.details.peer.limitedNetwork
    {
      occupancy.leave(peer)
    }
  }

  // MARK: - The record

  func setCause(_ session: SessionPointer, _ cause: CloseCause) {
    guard session.pointee.cause == nil else { return }
    session.pointee.cause = cause
    session.pointee.causePhase = session.pointee.phase
  }

  mutating func note(_ session: SessionPointer, _ change: (inout ClosingNotes) -> Void) {
    change(&closingNotes[session.pointee.index, default: ClosingNotes()])
  }

  mutating func record(_ session: SessionPointer, errno: Int32, endedByPeer: Bool) {
    let closed = makeRecord(session, errno: errno, endedByPeer: endedByPeer)
    counters.closedCount += 1
    counters.closedCounts.add(closed.cause)
    counters.receivedMessageCount &+= closed.receivedMessageCount
    counters.receivedByteCount &+= closed.receivedByteCount
    counters.sentMessageCount &+= closed.sentMessageCount
    counters.sentByteCount &+= closed.sentByteCount
    counters.droppedMessageCount &+= closed.droppedMessageCount
    transport.record(.closed(closed))
  }

  /// Inlined, so that its 344 bytes are made where they are reported from.
  @inline(__always)
  private mutating func makeRecord(
    _ session: SessionPointer, errno: Int32, endedByPeer: Bool
  ) -> ClosedConnection {
    let details = session.pointee.details
    let (path, origin, userAgent, subprotocol) = details.texts
    let notes =
      closingNotes.isEmpty
      ? ClosingNotes() : closingNotes[session.pointee.index] ?? ClosingNotes()
    let connection = session.pointee.connection
    let isOpened = session.pointee.isOpened
    let isEcho = !isOpened || rules[Int(session.pointee.route)].isEcho
    // What still waits has our Close at its end.
    let isClean =
      endedByPeer && connection.codeSent != nil && connection.codeReceived != nil
      && session.pointee.outbound.isEmpty
    let info = isClean ? nil : transport.info(session.pointee.socket)
    let cause = session.pointee.cause ?? .internalError
    return ClosedConnection(
      connectionID: details.connectionID, cause: cause,
      initiator: cause == .tlsFailure && !notes.tlsEndedByPeer ? .relay : cause.initiator,
      detail: notes.detail, phase: session.pointee.recordedPhase, errno: errno,
      codeSent: connection.codeSent, codeReceived: connection.codeReceived,
      reasonSent: notes.reasonSent, reasonReceived: notes.reasonReceived,
      order: session.pointee.closeOrder, isClean: isClean,
      route: isOpened ? table.names[Int(session.pointee.route)] : "",
      channel: isEcho ? "" : String(path.prefix { $0 != "?" }),
      listener: listeners[Int(session.pointee.listener)].name, peer: details.peer,
      via: details.via,
      path: path, origin: origin, subprotocol: subprotocol, userAgent: userAgent,
      duration: UInt64(max(0, now - details.acceptedAt)),
      idle: UInt64(max(0, now - session.pointee.lastReceived)),
      pingRoundTrip: session.pointee.pingRoundTrip == 0
        ? nil : UInt64(session.pointee.pingRoundTrip),
      receivedMessageCount: session.pointee.receivedMessageCount,
      receivedByteCount: session.pointee.receivedByteCount,
      sentMessageCount: session.pointee.sentMessageCount,
      sentByteCount: session.pointee.sentByteCount,
      droppedMessageCount: UInt64(session.pointee.droppedMessageCount),
      unsentByteCount: UInt64(max(notes.unsentByteCount, session.pointee.outbound.byteCount)),
      tcpRetransmitCount: info?.retransmitCount, tcpRoundTrip: info?.roundTrip,
      restartCount: details.restartCount)
  }
}

extension Session {
  /// Whether it passed its opening handshake, and is counted on its route.
  var isOpened: Bool { phase != .handshake && !isRefused }

  /// Whether Close frames went both ways and nothing waits to be sent: only TCP is left to end. A
  /// peer may have sent bytes behind its Close all the same (against RFC 6455 §5.5.1); where they
  /// are left unread, a reset can follow, but behind our Close and our FIN.
  public var isOver: Bool {
    phase == .lingering && connection.codeSent != nil && connection.codeReceived != nil
      && outbound.isEmpty
  }

  var recordedPhase: ConnectionPhase {
    switch causePhase {
    case .handshake: .handshake
    case .open: .open
    case .closing, .lingering, .dead: .closing
    }
  }

  var closeOrder: CloseOrder {
    if connection.codeSent == nil && connection.codeReceived == nil { return .none }
    if connection.codeSent == nil { return .receivedFirst }
    return connection.sentCloseFirst ? .sentFirst : .receivedFirst
  }
}

extension CloseCause {
  /// The cause that an error number of Linux stands for when a socket call fails.
  init(errno: Int32) {
    switch errno {
    case 32, 103, 104: self = .peerReset  // EPIPE, ECONNABORTED, ECONNRESET
    case 100, 101, 110, 112, 113: self = .networkTimeout  // ENETDOWN … ETIMEDOUT … EHOSTUNREACH
    case 12, 23, 24, 105: self = .shed  // ENOMEM, ENFILE, EMFILE, ENOBUFS
    default: self = .internalError
    }
  }
}
