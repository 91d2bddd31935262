// Receiving where TLS is between: encrypted bytes come in, and the shard is given plain ones in the
// space it asks for them in.

import CLinux
import Glibc
import RelayCore
import TLS

extension Worker {
  /// The socket has room for what waits encrypted; the shard hears of it when nothing does.
  @inline(never)
  mutating func writableSecurely(_ session: SessionPointer) {
    let secure = shard.transport.secure[session.pointee.socket]
    let error = shard.transport.sendWaiting(secure)
    if error != 0 { return shard.received(session, Int(-error)) }
    if secure.pointee.hasWaiting { return }
    shard.writable(session)
    if session.pointee.phase != .dead { endIfDue(session, secure) }
  }

  /// The peer's close_notify ends the connection as FIN does: not while it is not read because
  /// something waits to be sent.
  private mutating func endIfDue(_ session: SessionPointer, _ secure: SecureSocketPointer) {
    guard secure.pointee.hasEnded && secure.pointee.watchesReading else { return }
    secure.pointee.isOver = true
    shard.received(session, 0)
  }

  @inline(never)
  mutating func receiveSecurely(_ session: SessionPointer) {
    if session.pointee.awaited.contains(.proxyHeader) { return receiveProxyHeader(session) }
    let secure = shard.transport.secure[session.pointee.socket]
    let space = shard.transport.secure.shared.received
    let count = linux_receive(secure.pointee.descriptor, space.baseAddress, space.count)
    if count < 0 { return receiveFailed(session) }
    if count == 0 { return receivedEndOfTCP(session, secure) }
    decrypt(UnsafeRawBufferPointer(rebasing: space[..<count]), session, secure)
  }

  /// It is plain, and what is behind it in the same bytes is not.
  private mutating func receiveProxyHeader(_ session: SessionPointer) {
    let secure = shard.transport.secure[session.pointee.socket]
    let plain = shard.receiveSpace(session)
    let received = linux_receive(secure.pointee.descriptor, plain.baseAddress, plain.count)
    if received < 0 { return receiveFailed(session) }
    shard.received(session, received)
    if session.pointee.phase != .handshake || session.pointee.awaited != .tls { return }
    let space = shard.transport.secure.shared.received
    let count = shard.takeBytesBehindProxyHeader(session, into: space)
    if count > 0 { decrypt(UnsafeRawBufferPointer(rebasing: space[..<count]), session, secure) }
  }

  /// Without close_notify. That cuts nothing off unseen: the Close frames tell whether WebSocket
  /// had come to its end.
  private mutating func receivedEndOfTCP(
    _ session: SessionPointer, _ secure: SecureSocketPointer
  ) {
    if session.pointee.awaited == .tls && secure.pointee.hasBegun {
      secure.pointee.isOver = true
      shard.tlsFailed(session, "the peer ended TCP within the TLS handshake", byPeer: true)
    }
    if session.pointee.phase != .dead { shard.received(session, 0) }
  }

  private mutating func decrypt(
    _ bytes: UnsafeRawBufferPointer, _ session: SessionPointer, _ secure: SecureSocketPointer
  ) {
    // Read only to find the end of TCP.
    if secure.pointee.isOver { return }
    secure.pointee.hasBegun = true
    secure.pointee.tls.receive(bytes)
    // The session's end frees its TLS.
    while session.pointee.phase != .dead && !secure.pointee.isOver {
      let result = secure.pointee.tls.decrypt(into: shard.receiveSpace(session))
      let error = shard.transport.sendRecords(secure)
      if error != 0 { return shard.received(session, Int(-error)) }
      if session.pointee.awaited == .tls && secure.pointee.tls.isEstablished {
        shard.secured(session)
      }
      switch result {
      case .bytes(let count): shard.received(session, count)
      case .needsMore: return
      case .ended:
        secure.pointee.hasEnded = true
        return endIfDue(session, secure)
      case .failed(let failure): fail(session, secure, failure)
      }
    }
  }

  private mutating func fail(
    _ session: SessionPointer, _ secure: SecureSocketPointer, _ failure: TLSFailure
  ) {
    secure.pointee.isOver = true
    if failure.isPlainHTTP {
      Self.plainHTTPAnswer.withUnsafeBytes { _ = secure.pointee.send($0) }
    }
    shard.tlsFailed(session, failure.text, byPeer: failure.isPeers)
  }

  /// For whoever wrote ws:// or http:// where it should have been wss://.
  private static let plainHTTPAnswer: [UInt8] = {
    let body = "This port speaks TLS: use wss:// in place of ws://.\n"
    let head = """
      HTTP/1.1 400 Bad Request\r
      Content-Type: text/plain; charset=utf-8\r
      Content-Length: \(body.utf8.count)\r
      Connection: close\r
      \r

      """
    return Array((head + body).utf8)
  }()
}
