// What all connections of a shard may hold together, and who gives way when that does not suffice.
//
// Held is what peers make the relay keep for them: messages and requests that are not complete,
// bytes that sockets did not take, contexts of compression. The pool counts its blocks as they come
// and go; what is compared with the bound is that one number, once a receive call and once for what
// a socket did not take.
//
// Whoever holds most gives way first, and holders of nothing never do: who reads what it is sent
// and finishes what it begins is not disturbed by those who do not.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Bytes of memory that peers make this shard hold.
  @inline(__always)
  var heldByteCount: Int { pool.lentByteCount &+ contextByteCount }

  /// Whether that is more than it may be.
  @inline(__always)
  var isShortOfMemory: Bool { heldByteCount > maximumHeldByteCount }

  /// Ends those who hold most, until little enough is held. Only where no session is in the midst
  /// of being acted on.
  @inline(never)
  mutating func shed() {
    // What was published in this turn is nobody's, and gone once it is sent.
    if !hub.listed.isEmpty { flushListedChannels() }
    if isShortOfMemory { chooseThoseWhoGiveWay(for: 0) }
    endShedding()
  }

  /// Whether `count` more bytes may be held, if need be because others give way. It may be called
  /// for a member of a channel in the midst of a fan-out: nobody leaves a channel yet.
  mutating func makeRoomToHold(_ count: Int) -> Bool {
    if heldByteCount + count <= maximumHeldByteCount { return true }
    chooseThoseWhoGiveWay(for: count)
    return heldByteCount + count <= maximumHeldByteCount
  }

  /// Chooses those who hold most, until the others hold an eighth less than the bound, so that the
  /// next time is some time away; what waits for them is dropped at once.
  @inline(never)
  private mutating func chooseThoseWhoGiveWay(for count: Int) {
    var excess = heldByteCount + count - maximumHeldByteCount / 8 * 7
    var holders: [(byteCount: Int, session: SessionPointer)] = []
    for index in 0..<sessions.indexLimit {
      let session = sessions[index]
      guard session.pointee.phase != .dead && !session.pointee.isShed else { continue }
      let byteCount = heldByteCount(of: session)
      if byteCount > 0 { holders.append((byteCount, session)) }
    }
    holders.sort { $0.byteCount > $1.byteCount }
    for (byteCount, session) in holders where excess > 0 {
      excess -= byteCount
      session.pointee.isShed = true
      shedding.append(session)
      dropWaiting(session)
    }
  }

  private func heldByteCount(of session: SessionPointer) -> Int {
    session.pointee.outbound.byteCount + session.pointee.connection.heldByteCount
      + (session.pointee.request?.byteCount ?? 0)
      + (session.pointee.compression.keepsContext ? CompressionContexts.maximumByteCount : 0)
  }

  /// Drops what waits for a session, but for a frame that is begun; the record keeps how much it
  /// was.
  private mutating func dropWaiting(_ session: SessionPointer) {
    let waiting = session.pointee.outbound.byteCount
    guard session.pointee.phase == .open, waiting > 0 else { return }
    note(session) { $0.unsentByteCount = waiting }
    countDropped(session.pointee.outbound.dropAll(&pool), session)
  }

  /// Ends those who were chosen.
  @inline(never)
  mutating func endShedding() {
    let chosen = shedding
    shedding = []
    for session in chosen {
      // Who is closing and still holds a frame that was begun may be chosen again.
      session.pointee.isShed = false
      switch session.pointee.phase {
      case .dead: break
      case .handshake:
        refuse(session, .shortOfMemory(retryAfter: Limits.retryAfter))
        releaseRequest(session)
      case .open:
        let unsent = closingNotes[session.pointee.index]?.unsentByteCount ?? 0
        let received = session.pointee.connection.heldByteCount
        fail(
          session, .shed, .tryAgainLater, reason: "short of memory",
          detail: "max_buffer_memory=\(maximumHeldByteCount) waiting=\(unsent) "
            + "incomplete=\(received)")
      case .closing, .lingering: drop(session, cause: .shed, reset: true)
      }
    }
  }
}
