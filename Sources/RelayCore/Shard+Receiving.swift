// Where received bytes go, and to whom they are given, by how far the connection has come.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Where the next bytes of a session are to be received; `received` must follow.
  @inline(__always)
  public mutating func receiveSpace(_ session: SessionPointer) -> UnsafeMutableRawBufferPointer {
    if session.pointee.phase == .open {
      if let direct = session.pointee.connection.directReceiveSpace(
        atLeast: Limits.directReceiveByteCount)
      {
        return direct
      }
      return UnsafeMutableRawBufferPointer(
        start: receiveBuffer.baseAddress, count: 1 << Int(session.pointee.receiveShift))
    } else if let request = session.pointee.request {
      return UnsafeMutableRawBufferPointer(
        start: request.bytes + request.pointee.end, count: request.room)
    }
    return receiveBuffer
  }

  /// Where the rest of a large message is to be received that has begun; `received` must follow.
  /// nil: there is none, or the session is not read just now.
  public func receiveSpaceOfMessage(_ session: SessionPointer) -> UnsafeMutableRawBufferPointer? {
    guard session.pointee.phase == .open, session.pointee.interest.contains(.reading) else {
      return nil
    }
    return session.pointee.connection.directReceiveSpace(atLeast: Limits.directReceiveByteCount)
  }

  /// Takes what a receive call on the session gave: `count` bytes in `receiveSpace`, 0 at the end
  /// of the peer's stream, or the negative error number.
  @inline(__always)
  public mutating func received(_ session: SessionPointer, _ count: Int) {
    guard count > 0 else {
      if count == 0 { receivedEnd(session) } else { socketFailed(session, Int32(-count)) }
      return
    }
    session.pointee.lastReceived = now
    if session.pointee.phase == .open {
      if session.pointee.connection.directReceiveSpace(atLeast: Limits.directReceiveByteCount)
        != nil
      {
        relayDirect(session, count)
      } else {
        relay(session, ReceivedBytes(receiveBuffer.baseAddress!, count: count))
      }
    } else {
      receivedElsewhere(session, count)
    }
    if isShortOfMemory { shed() }
  }

  @inline(never)
  private mutating func receivedElsewhere(_ session: SessionPointer, _ count: Int) {
    switch session.pointee.phase {
    case .handshake:
      if let request = session.pointee.request {
        let searched = request.pointee.end
        request.pointee.end += count
        receiveRequest(
          session, UnsafeMutableRawBufferPointer(start: request.bytes, count: searched + count),
          searchedByteCount: searched)
      } else {
        receiveRequest(
          session, UnsafeMutableRawBufferPointer(rebasing: receiveBuffer[..<count]),
          searchedByteCount: 0)
      }
    case .closing:
      var input = ReceivedBytes(receiveBuffer.baseAddress!, count: count)
      receivedWhileClosing(session, &input)
    case .lingering, .open, .dead: break  // Read only to find the end of TCP.
    }
  }

  /// Looks for the peer's Close after ours; data is skipped (RFC 6455 §1.4).
  mutating func receivedWhileClosing(_ session: SessionPointer, _ input: inout ReceivedBytes) {
    guard !session.pointee.isRefused else { return }
    while session.pointee.phase == .closing {
      switch session.pointee.connection.nextEvent(
        &input, maximumMessageByteCount: .max, pool: &pool)
      {
      case .needsMore: return
      case .close(let frame): receivedClose(session, frame)
      case .violation:
        // No Close will be found in this; only the end of TCP is left to wait for.
        session.pointee.connection.stopReading()
        endSendingWhenFlushed(session)
      case .message, .ping, .pong: break  // RFC 6455 §5.5.1: nothing is sent after Close.
      }
    }
  }
}
