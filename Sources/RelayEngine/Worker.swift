// One thread of the relay: an epoll loop around a shard. Read `run` top-down: wait, act on what is
// ready, on what others posted, on what is due, then end the turn.

import CLinux
import Glibc
import RelayCore

/// What a worker is started with.
struct WorkerSetup: Sendable {
  var index: Int
  var exchange: Exchange
  var shared: SharedRelayState
  var routes: RouteTable
  var listeners: [ListeningSocket]
  var recorder: any ConnectionRecorder
  var recordsOpened: Bool
}

/// The loop of one thread.
struct Worker: ~Copyable {
  private var shard: Shard<EpollTransport>
  private var poller: Poller
  private let index: Int
  private let exchange: Exchange
  private let mailbox: Mailbox
  private let recorder: any ConnectionRecorder
  private var listeners: [ListeningSocket]
  private var messages: [WorkerMessage] = []
  private var now: Instant

  /// Until when no connections are accepted, for want of descriptors.
  private var acceptPausedUntil: Instant?
  private var lastAcceptFailure: Instant?
  /// When the grace of a drain ends.
  private var graceEnd: Instant?
  private var isStopped = false

  // Tags of what is not a session; sessions are addresses, which are larger.
  private static let mailboxTag: UInt64 = 0
  private static let timerTag: UInt64 = 1
  private static let firstListenerTag: UInt64 = 2
  private static let tagLimit: UInt64 = 4096
  /// Connections accepted in one go, so that a storm of them does not starve the others.
  private static let maximumAcceptCount = 64
  /// How long accepting rests when there are no descriptors: 50 ms.
  private static let acceptPause: Int64 = 50_000

  init(_ setup: WorkerSetup, poller: consuming Poller) {
    now = MonotonicClock.now()
    shard = Shard(
      transport: EpollTransport(
        poller: poller.descriptor, workerIndex: setup.index, exchange: setup.exchange,
        recorder: setup.recorder),
      routes: setup.routes, listeners: Self.policies(setup.listeners), shared: setup.shared,
      firstConnectionID: UInt64.random(in: 0...UInt64.max), now: now)
    shard.recordsOpened = setup.recordsOpened
    self.poller = poller
    index = setup.index
    exchange = setup.exchange
    mailbox = setup.exchange.mailboxes[setup.index]
    recorder = setup.recorder
    listeners = setup.listeners
  }

  /// Starts to watch the mailbox and the listeners.
  func watchAll() throws(SystemCallError) {
    let error = poller.add(mailbox.wakeDescriptor, tag: Self.mailboxTag)
    if error != 0 { throw SystemCallError("epoll_ctl", errno: error, subject: "mailbox") }
    let timerError = poller.addTimer(tag: Self.timerTag)
    if timerError != 0 {
      throw SystemCallError("epoll_ctl", errno: timerError, subject: "timer")
    }
    for listener in listeners { try watch(listener) }
  }

  private static func policies(_ listeners: [ListeningSocket]) -> [ListenerPolicy] {
    let count = (listeners.map(\.index).max() ?? -1) + 1
    var policies = Array(repeating: ListenerPolicy(name: ""), count: count)
    for listener in listeners { policies[listener.index] = listener.policy }
    return policies
  }

  private func watch(_ listener: ListeningSocket) throws(SystemCallError) {
    let tag = Self.firstListenerTag + UInt64(listener.index)
    let error = poller.add(listener.descriptor, tag: tag, isExclusive: true)
    if error != 0 {
      throw SystemCallError("epoll_ctl", errno: error, subject: "\(listener.address)")
    }
  }

  /// Runs until a stop, or until a drain is done.
  mutating func run() {
    while !isStopped {
      let count = poller.wait(until: nextTurn())
      now = MonotonicClock.now()
      shard.beginTurn(now)
      var hasMessages = false
      var position = 0
      while position < count {
        let event = poller.events[position]
        position &+= 1
        if event.data.u64 >= Self.tagLimit {
          act(on: event)
        } else if event.data.u64 == Self.mailboxTag {
          hasMessages = true
        } else if event.data.u64 == Self.timerTag {
          poller.timerFired()
        } else {
          accept(listener: Int(event.data.u64 - Self.firstListenerTag))
        }
      }
      if hasMessages { readMailbox() }
      shard.expireDeadlines()
      if shard.isDraining || acceptPausedUntil != nil { continueSlowly() }
      shard.endTurn()
      if exchange.workerCount > 1 { waitForOthers() }
    }
  }

  // MARK: - Sessions

  @inline(__always)
  private mutating func act(on event: epoll_event) {
    guard let session = SessionPointer(bitPattern: UInt(event.data.u64)) else { return }
    if event.events & Poller.writable != 0 && session.pointee.phase != .dead {
      shard.writable(session)
    }
    if event.events & (Poller.readable | Poller.failed) != 0 && session.pointee.phase != .dead {
      receive(session)
    }
  }

  @inline(__always)
  private mutating func receive(_ session: SessionPointer) {
    let space = shard.receiveSpace(session)
    let count = recv(session.pointee.socket, space.baseAddress, space.count, 0)
    if count < 0 { return receiveFailed(session) }
    shard.received(session, count)
  }

  @inline(never)
  private mutating func receiveFailed(_ session: SessionPointer) {
    let error = errno
    if error != EAGAIN && error != EINTR { shard.received(session, -Int(error)) }
  }

  // MARK: - Accepting

  @inline(never)
  private mutating func accept(listener listenerIndex: Int) {
    guard let listener = listeners.first(where: { $0.index == listenerIndex }) else { return }
    for _ in 0..<Self.maximumAcceptCount {
      var address = sockaddr_storage()
      let socket = linux_accept(listener.descriptor, &address)
      if socket < 0 {
        acceptFailed(errno, listener)
        return
      }
      let peer = PeerAddress(address)
      let worker = exchange.place(acceptedBy: index)
      if worker == index {
        shard.accept(socket, from: peer, listener: listenerIndex)
      } else {
        exchange.mailboxes[worker].post(
          .connection(socket: socket, peer: peer, listener: listenerIndex))
      }
    }
  }

  /// Without descriptors or memory the listeners stay readable: watching on would spin. They are
  /// left alone for a moment; the kernel keeps new connections waiting meanwhile.
  private mutating func acceptFailed(_ error: Int32, _ listener: ListeningSocket) {
    switch error {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM:
      if acceptPausedUntil == nil {
        for listener in listeners { poller.remove(listener.descriptor) }
      }
      acceptPausedUntil = now + Self.acceptPause
      if lastAcceptFailure.map({ now - $0 >= 1_000_000 }) ?? true {
        lastAcceptFailure = now
        recorder.acceptFailed(
          SystemCallError("accept4", errno: error, subject: "\(listener.address)"))
      }
    default: break  // Nobody there any more, or the peer gave up while it waited.
    }
  }

  // MARK: - Other workers

  @inline(never)
  private mutating func readMailbox() {
    messages = mailbox.takeAll(reusing: messages)
    for message in messages {
      switch message {
      case .batch(let shared):
        shard.deliver(shared.batch, on: shared.channel)
        withExtendedLifetime(shared) {}
      case .connection(let socket, let peer, let listener):
        shard.accept(socket, from: peer, listener: listener)
      case .reload(let routes, let listeners, let recordsOpened):
        shard.recordsOpened = recordsOpened
        reload(routes, listeners)
      case .drain(let cause, let spread, let grace):
        graceEnd = now + grace.wholeMicroseconds
        shard.beginDrain(
          cause: cause, code: cause == .restart ? .serviceRestart : .goingAway, spread: spread)
      case .stop:
        shard.dropAll()
        isStopped = true
      case .count(let request): request.answer(shard.currentCounters())
      }
    }
  }

  private mutating func reload(_ routes: RouteTable, _ sockets: [ListeningSocket]) {
    let kept = Set(sockets.map(\.descriptor))
    let known = Set(listeners.map(\.descriptor))
    if acceptPausedUntil == nil {
      for listener in listeners where !kept.contains(listener.descriptor) {
        poller.remove(listener.descriptor)
      }
    }
    listeners = sockets
    shard.reload(routes: routes, listeners: Self.policies(sockets))
    guard acceptPausedUntil == nil else { return }
    for listener in sockets where !known.contains(listener.descriptor) { watchAgain(listener) }
  }

  private func watchAgain(_ listener: ListeningSocket) {
    do throws(SystemCallError) { try watch(listener) } catch { recorder.acceptFailed(error) }
  }

  /// A worker that publishes faster than another can pass on must not fill memory with what waits
  /// there: it rests for a millisecond a turn until the other has caught up. Both go on to take
  /// what is posted to them, so they cannot wait for each other for ever.
  @inline(__always)
  private func waitForOthers() {
    if exchange.isAnotherOverfull(than: index) { usleep(1000) }
  }

  // MARK: - Time

  /// When there is something to do even if nothing arrives.
  @inline(__always)
  private func nextTurn() -> Instant? {
    var next = shard.timeUntilDeadline().map { now + $0 }
    if let acceptPausedUntil { next = min(next ?? acceptPausedUntil, acceptPausedUntil) }
    if let graceEnd { next = min(next ?? graceEnd, graceEnd) }
    return next
  }

  @inline(never)
  private mutating func continueSlowly() {
    if let until = acceptPausedUntil, until <= now {
      acceptPausedUntil = nil
      for listener in listeners { watchAgain(listener) }
    }
    guard shard.isDraining else { return }
    shard.continueDrain()
    if let graceEnd, graceEnd <= now { shard.dropAll() }
    if shard.sessionCount == 0 { isStopped = true }
  }
}
