// The transport of the real world: each request of a shard is one system call, or one entry in the
// mailboxes of the other workers.

import CLinux
import Glibc
import RelayCore

/// Takes note of what happens; called on worker threads, so it must not block.
package protocol ConnectionRecorder: AnyObject, Sendable {
  /// A connection was opened, refused, or has ended.
  func record(_ event: ConnectionEvent)
  /// Connections cannot be accepted for want of descriptors or memory; at most once a second from
  /// each worker.
  func acceptFailed(_ error: SystemCallError)
}

/// Sockets by `SocketName`, watched by the worker's poller or by its crowd.
struct EpollTransport: Transport, ~Copyable {
  let poller: Int32
  /// The epoll instance of those who are served behind all others.
  let crowd: Int32
  let workerIndex: Int
  let exchange: Exchange
  let recorder: any ConnectionRecorder
  var secure = SecureSockets()

  init(
    poller: Int32, crowd: Int32, workerIndex: Int, exchange: Exchange,
    recorder: any ConnectionRecorder
  ) {
    self.poller = poller
    self.crowd = crowd
    self.workerIndex = workerIndex
    self.exchange = exchange
    self.recorder = recorder
  }

  @inline(__always)
  mutating func send(_ bytes: UnsafeRawPointer, _ count: Int, on socket: Int32) -> Int {
    if SocketName.isSecure(socket) { return sendSecurely(bytes, count, on: socket) }
    let taken = linux_send(socket, bytes, count, Int32(MSG_NOSIGNAL))
    return taken >= 0 ? taken : Self.failure()
  }

  @inline(never)
  private mutating func sendSecurely(
    _ bytes: UnsafeRawPointer, _ count: Int, on socket: Int32
  ) -> Int {
    withUnsafePointer(to: OutboundPiece(bytes, count: count)) {
      sendSecurely(UnsafeBufferPointer(start: $0, count: 1), on: socket)
    }
  }

  @inline(__always)
  mutating func send(_ pieces: UnsafeBufferPointer<OutboundPiece>, on socket: Int32) -> Int {
    if SocketName.isSecure(socket) { return sendSecurely(pieces, on: socket) }
    var message = msghdr()
    message.msg_iov = UnsafeMutableRawPointer(mutating: pieces.baseAddress)?
      .assumingMemoryBound(to: iovec.self)
    message.msg_iovlen = pieces.count
    let taken = linux_send_message(socket, &message, Int32(MSG_NOSIGNAL))
    return taken >= 0 ? taken : Self.failure()
  }

  /// The FIN that follows goes in the same packet.
  mutating func sendLast(_ bytes: UnsafeRawPointer, _ count: Int, on socket: Int32) -> Int {
    if SocketName.isSecure(socket) { return sendSecurely(bytes, count, on: socket) }
    let taken = linux_send(socket, bytes, count, Int32(MSG_NOSIGNAL) | Int32(MSG_MORE))
    return taken >= 0 ? taken : Self.failure()
  }

  /// A full socket takes nothing; anything else is an error.
  @inline(never)
  private static func failure() -> Int {
    let error = errno
    return error == EAGAIN || error == EINTR ? 0 : Int(-error)
  }

  func add(
    _ socket: Int32, reading: Bool, writing: Bool, session: UnsafeMutableRawPointer,
    isNewcomer: Bool
  ) -> Int32 {
    var isWriting = writing
    if SocketName.isSecure(socket) {
      let secure = self.secure[socket]
      secure.pointee.watch(session, reading: reading, writing: writing)
      isWriting = secure.pointee.watchesWriting
    }
    return control(
      isNewcomer ? crowd : poller, EPOLL_CTL_ADD, SocketName.descriptor(socket),
      Self.events(reading: reading, writing: isWriting), session)
  }

  func letIn(_ socket: Int32, session: UnsafeMutableRawPointer) {
    let isWriting = SocketName.isSecure(socket) && secure[socket].pointee.watchesWriting
    move(socket, from: crowd, to: poller, reading: true, writing: isWriting, session)
  }

  /// Serves a connection behind all others from now on.
  func setAside(_ session: SessionPointer) {
    let socket = session.pointee.socket
    var reading = session.pointee.interest.contains(.reading)
    var writing = session.pointee.interest.contains(.writing)
    if SocketName.isSecure(socket) {
      reading = secure[socket].pointee.watchesReading
      writing = secure[socket].pointee.watchesWriting
    }
    move(socket, from: poller, to: crowd, reading: reading, writing: writing, session)
  }

  /// A socket for which there is no room there, or which is there already, stays where it is.
  private func move(
    _ socket: Int32, from old: Int32, to new: Int32, reading: Bool, writing: Bool,
    _ session: UnsafeMutableRawPointer
  ) {
    let descriptor = SocketName.descriptor(socket)
    let events = Self.events(reading: reading, writing: writing)
    if control(new, EPOLL_CTL_ADD, descriptor, events, session) != 0 { return }
    _ = epoll_ctl(old, EPOLL_CTL_DEL, descriptor, nil)
  }

  /// What TLS keeps of a connection stays in OpenSSL.
  func canMove(_ socket: Int32) -> Bool { !SocketName.isSecure(socket) }

  func watch(_ socket: Int32, reading: Bool, writing: Bool, session: UnsafeMutableRawPointer) {
    if SocketName.isSecure(socket) {
      watchSecurely(socket, reading: reading, writing: writing)
    } else {
      modify(socket, reading: reading, writing: writing, session)
    }
  }

  func modify(
    _ descriptor: Int32, reading: Bool, writing: Bool, _ session: UnsafeMutableRawPointer
  ) {
    let events = Self.events(reading: reading, writing: writing)
    let error = control(poller, EPOLL_CTL_MOD, descriptor, events, session)
    if error == ENOENT { _ = control(crowd, EPOLL_CTL_MOD, descriptor, events, session) }
  }

  private static func events(reading: Bool, writing: Bool) -> UInt32 {
    (reading ? Poller.readable | Poller.ended : 0) | (writing ? Poller.writable : 0)
  }

  private func control(
    _ poller: Int32, _ operation: Int32, _ descriptor: Int32, _ events: UInt32,
    _ session: UnsafeMutableRawPointer
  ) -> Int32 {
    var event = epoll_event()
    event.events = events
    event.data.u64 = UInt64(UInt(bitPattern: session))
    return epoll_ctl(poller, operation, descriptor, &event) == 0 ? 0 : errno
  }

  mutating func endSending(_ socket: Int32) {
    if SocketName.isSecure(socket) { return endSendingSecurely(socket) }
    shutdown(socket, Int32(SHUT_WR))
  }

  mutating func close(_ socket: Int32, reset: Bool) {
    if SocketName.isSecure(socket) { closeSecurely(socket, reset: reset) }
    let descriptor = SocketName.descriptor(socket)
    if reset {
      var option = linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
    _ = linux_close(descriptor)
    exchange.left(workerIndex)
  }

  func info(_ socket: Int32) -> TransportInfo? {
    var retransmits: UInt32 = 0
    var roundTrip: UInt32 = 0
    guard linux_tcp_info(SocketName.descriptor(socket), &retransmits, &roundTrip) else {
      return nil
    }
    return TransportInfo(retransmitCount: retransmits, roundTrip: roundTrip)
  }

  @inline(__always)
  func publish(_ batch: ChannelBatch, on channel: String) {
    if exchange.workerCount > 1 { exchange.publish(batch, on: channel, from: workerIndex) }
  }

  func record(_ event: ConnectionEvent) { recorder.record(event) }
}
