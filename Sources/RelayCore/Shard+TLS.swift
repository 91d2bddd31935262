// What a shard has to know of the TLS that the engine puts between a socket and it: when it is
// there, and when it fails. It sees plain bytes only.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Takes the bytes that came behind a PROXY protocol header: they are encrypted.
  ///
  /// - Parameters:
  ///   - session: The session whose header has just been taken.
  ///   - space: As large as a receive buffer.
  /// - Returns: How many there were.
  public mutating func takeBytesBehindProxyHeader(
    _ session: SessionPointer, into space: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard let block = session.pointee.request else { return 0 }
    let count = min(block.pointee.end, space.count)
    space.baseAddress?.copyMemory(from: block.bytes, byteCount: count)
    releaseRequest(session)
    return count
  }

  /// The TLS handshake is done: what comes from now on is the request.
  public mutating func secured(_ session: SessionPointer) { session.pointee.awaited.remove(.tls) }

  /// TLS failed. Nothing can be said in WebSocket's terms any more, so nothing is, but for the
  /// alert that the engine has sent (RFC 8446 §6); the record has the code for it, 1015.
  ///
  /// - Parameters:
  ///   - session: Whose TLS it was.
  ///   - why: What failed.
  ///   - byPeer: Whether it was the peer that gave up.
  @inline(never)
  public mutating func tlsFailed(_ session: SessionPointer, _ why: String, byPeer: Bool) {
    if session.pointee.phase == .dead || session.pointee.isRefused { return }
    note(session) {
      $0.detail = why
      $0.tlsEndedByPeer = byPeer
    }
    guard session.pointee.phase == .handshake else { return drop(session, cause: .tlsFailure) }
    setCause(session, .tlsFailure)
    record(session, errno: 0, endedByPeer: byPeer)
    // The alert must reach the peer: as after a Close frame, its direction is read to the end.
    session.pointee.isRefused = true
    session.pointee.owedSince = now
    endSendingWhenFlushed(session)
    scheduleDeadline(session)
  }

  /// The handshake with TLS did not come to its end in time.
  mutating func failLateTLS(_ session: SessionPointer) {
    let timeout = listeners[Int(session.pointee.listener)].handshakeTimeout.wholeMicroseconds
    tlsFailed(session, "handshake_timeout=\(Self.seconds(timeout))", byPeer: false)
  }
}
