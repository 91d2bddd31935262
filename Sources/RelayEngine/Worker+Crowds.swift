// Those who come and those who go: connections are accepted, opened and buried for a bounded time
// of each turn, behind those who stay.

import CLinux
import Glibc
import RelayCore
import TLS

extension Worker {
  /// How long accepting rests when there are no descriptors: 50 ms.
  private static let acceptPause: Int64 = 50_000

  /// What the last event of a connection says.
  static let departure = Poller.ended | Poller.failed

  /// Acts on the ends of connections, behind those who stay and for a bounded time; the others of
  /// the crowd are set aside.
  @inline(never)
  mutating func buryDeparted(_ count: Int) {
    // There mostly is one: only the second needs a clock.
    var end: Instant?
    var actedCount = 0
    var position = 0
    repeat {
      let event = events[position]
      position += 1
      if event.data.u64 < Self.tagLimit || event.events & Self.departure == 0 { continue }
      if actedCount == 1 { end = crowdEnd() }
      if end.map({ MonotonicClock.now() < $0 }) ?? true {
        bury(event)
        actedCount += 1
      } else if let session = SessionPointer(bitPattern: UInt(event.data.u64)),
        session.pointee.phase != .dead
      {
        shard.transport.setAside(session)
      }
    } while position < count
  }

  /// Acts on the end of a connection. Where Close frames went both ways it is enough that epoll
  /// tells of FIN: a receive call would only say so again.
  private mutating func bury(_ event: epoll_event) {
    if event.events & Poller.failed == Poller.bothEnded,
      let session = SessionPointer(bitPattern: UInt(event.data.u64)), session.pointee.isOver,
      !SocketName.isSecure(session.pointee.socket)
    {
      shard.received(session, 0)
    } else {
      act(on: event)
    }
  }

  /// Goes on with those who come, and with those who were set aside as they went, for a bounded
  /// time.
  @inline(never)
  mutating func serveCrowd() {
    let end = crowdEnd()
    repeat {
      let count = crowd.poll(crowdEvents)
      for position in 0..<count { act(on: crowdEvents[position]) }
      if count < Int(Crowd.batchCount) { return }
    } while MonotonicClock.now() < end
  }

  /// Until when a turn that has come so far is for one kind of crowd.
  private func crowdEnd() -> Instant {
    let instant = MonotonicClock.now()
    return instant + max(Limits.crowdTime, (instant - now) / Limits.crowdShare)
  }

  @inline(never)
  mutating func accept(listener listenerIndex: Int) {
    guard let listener = listeners.first(where: { $0.index == listenerIndex }) else { return }
    var left = acceptPace.allowance
    // One connection needs no clock.
    let end = left > 1 ? crowdEnd() : now
    repeat {
      if !acceptOne(listener) { return acceptPace.foundNone() }
      left -= 1
    } while left > 0 && MonotonicClock.now() < end
    acceptPace.foundAll()
  }

  /// Accepts those who have connected to a listener that is about to be closed.
  mutating func acceptLast(_ listener: ListeningSocket) {
    for _ in 0..<Limits.lastAcceptCount {
      if !acceptOne(listener) { return }
    }
  }

  /// Accepts a connection, for this worker or another; false: there was none.
  @inline(__always)
  private mutating func acceptOne(_ listener: ListeningSocket) -> Bool {
    var address = sockaddr_storage()
    let socket = linux_accept(listener.descriptor, &address)
    if socket < 0 {
      acceptFailed(errno, listener)
      return false
    }
    let peer = PeerAddress(address)
    let worker = exchange.place(acceptedBy: index)
    if worker != index {
      let message = WorkerMessage.connection(
        socket: socket, peer: peer, listener: listener.index)
      if exchange.mailboxes[worker].post(message) { return true }
      exchange.keep(index)
    }
    begin(socket, from: peer, listener: listener.index)
    return true
  }

  /// Gives the shard a connection that is this worker's to keep. In a crowd its request is there
  /// already; where there is none it would come too late for being received at once.
  mutating func begin(_ socket: Int32, from peer: PeerAddress, listener: Int) {
    let session: SessionPointer
    if listener < contexts.count, let context = contexts[listener] {
      let secure = shard.transport.secure.add(socket, context)
      session = shard.accept(
        secure ?? socket, from: peer, listener: listener, behindTLS: secure != nil)
      if secure == nil { shard.received(session, Int(-ENOMEM)) }
    } else {
      session = shard.accept(socket, from: peer, listener: listener)
    }
    if session.pointee.phase != .dead && !session.pointee.isForward { receive(session) }
    shard.startWatching(session)
  }

  private mutating func acceptFailed(_ error: Int32, _ listener: ListeningSocket) {
    switch error {
    // Nobody there any more, or, as accept(2) lists them, what became of the one who was.
    case EAGAIN, EINTR, ECONNABORTED, EPERM, EPROTO, ENOPROTOOPT, EOPNOTSUPP, ETIMEDOUT, ENETDOWN,
      ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET:
      break
    default:
      pauseAccepting(SystemCallError("accept4", errno: error, subject: "\(listener.address)"))
    }
  }

  /// Without descriptors or memory the listeners stay readable: watching on would spin. They are
  /// left alone for a moment; the kernel keeps new connections waiting meanwhile.
  mutating func pauseAccepting(_ error: SystemCallError) {
    if acceptPausedUntil == nil {
      for listener in listeners { poller.remove(listener.descriptor) }
    }
    acceptPausedUntil = now + Self.acceptPause
    if lastAcceptFailure.map({ now - $0 >= 1_000_000 }) ?? true {
      lastAcceptFailure = now
      recorder.acceptFailed(error)
    }
  }
}
