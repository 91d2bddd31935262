// One thread of the relay: an epoll loop around a shard. Read `run` top-down: wait, act on what is
// ready, on what others posted, on what is due, then end the turn.

import CLinux
import Glibc
import RelayCore
import TLS

/// What a worker is started with.
struct WorkerSetup: Sendable {
  var index: Int
  var exchange: Exchange
  var shared: SharedRelayState
  var routes: RouteTable
  var listeners: [ListeningSocket]
  var recorder: any ConnectionRecorder
  var recordsOpened: Bool
  var pollsBusily: Bool
}

/// The loop of one thread.
struct Worker: ~Copyable {
  var shard: Shard<EpollTransport>
  let poller: Poller
  let crowd: Crowd
  let events = PolledEvents()
  let crowdEvents = PolledEvents(count: Crowd.batchCount)
  let index: Int
  let exchange: Exchange
  let mailbox: Mailbox
  let recorder: any ConnectionRecorder
  var listeners: [ListeningSocket]
  /// By index, of all listeners there ever were: sessions outlive them.
  var policies: [ListenerPolicy]
  /// By index; nil: plain.
  var contexts: [TLSSettings?]
  private var messages: [WorkerMessage] = []
  var now: Instant
  /// What the poller's timer is set for; nil: nothing.
  private var timerInstant: Instant?
  /// Whether it looks for events for a moment before it sleeps, and whether that was worthwhile.
  private let pollsBusily: Bool
  private var busyPoll = BusyPoll()

  var acceptPace = AcceptPace()
  /// Until when no connections are accepted, for want of descriptors.
  var acceptPausedUntil: Instant?
  var lastAcceptFailure: Instant?
  /// When the grace of a drain ends.
  private var graceEnd: Instant?
  var isStopped = false
  /// The hand-over for which this worker has to stop serving.
  var handover: HandoverRequest?
  /// Waits for those who cannot be handed over to have left; new ones are not accepted meanwhile.
  var departure: Probe?
  var restsSecureListeners = false

  // Tags of what is not a session; sessions are addresses, which are larger.
  private static let mailboxTag: UInt64 = 0
  private static let timerTag: UInt64 = 1
  private static let crowdTag: UInt64 = 2
  private static let firstListenerTag: UInt64 = 3
  static let tagLimit = firstListenerTag + UInt64(ListeningSocket.maximumCount)

  /// What a worker waits on, watching what there is to be watched from the first moment.
  struct Pollers: ~Copyable {
    let poller: Poller
    let crowd: Crowd
  }

  /// `pollers` are what `makePollers` makes.
  init(_ setup: WorkerSetup, pollers: consuming Pollers) {
    now = MonotonicClock.now()
    policies = Self.policies(setup.listeners, over: [])
    contexts = Self.contexts(setup.listeners, over: [])
    shard = Shard(
      transport: EpollTransport(
        poller: pollers.poller.descriptor, crowd: pollers.crowd.descriptor,
        workerIndex: setup.index, exchange: setup.exchange, recorder: setup.recorder),
      routes: setup.routes, listeners: policies, shared: setup.shared,
      firstConnectionID: UInt64.random(in: 0...UInt64.max), now: now)
    shard.recordsOpened = setup.recordsOpened
    poller = pollers.poller
    crowd = pollers.crowd
    index = setup.index
    exchange = setup.exchange
    mailbox = setup.exchange.mailboxes[setup.index]
    recorder = setup.recorder
    listeners = setup.listeners
    pollsBusily = setup.pollsBusily
  }

  /// Pollers that watch the mailbox and the listeners of a worker to be.
  static func makePollers(_ setup: WorkerSetup) throws(SystemCallError) -> Pollers {
    let poller = try Poller()
    let crowd = try Crowd()
    let crowdError = poller.add(crowd.descriptor, tag: crowdTag)
    if crowdError != 0 {
      throw SystemCallError("epoll_ctl", errno: crowdError, subject: "crowd")
    }
    let mailbox = setup.exchange.mailboxes[setup.index]
    let error = poller.add(mailbox.wakeDescriptor, tag: mailboxTag)
    if error != 0 { throw SystemCallError("epoll_ctl", errno: error, subject: "mailbox") }
    let timerError = poller.add(poller.timer, tag: timerTag)
    if timerError != 0 {
      throw SystemCallError("epoll_ctl", errno: timerError, subject: "timer")
    }
    for listener in setup.listeners { try watch(listener, poller) }
    return Pollers(poller: poller, crowd: crowd)
  }

  private static func watch(_ listener: ListeningSocket, _ poller: borrowing Poller)
    throws(SystemCallError)
  {
    let tag = firstListenerTag + UInt64(listener.index)
    let error = poller.add(listener.descriptor, tag: tag, isExclusive: true)
    if error != 0 {
      throw SystemCallError("epoll_ctl", errno: error, subject: "\(listener.address)")
    }
  }

  /// The policies of these listeners, and of removed ones as they were.
  static func policies(_ listeners: [ListeningSocket], over old: [ListenerPolicy])
    -> [ListenerPolicy]
  {
    let missing = (listeners.map(\.index).max() ?? -1) + 1 - old.count
    var policies = old + Array(repeating: ListenerPolicy(name: ""), count: max(0, missing))
    for listener in listeners { policies[listener.index] = listener.policy }
    return policies
  }

  /// Likewise, their TLS.
  private static func contexts(_ listeners: [ListeningSocket], over old: [TLSSettings?])
    -> [TLSSettings?]
  {
    let missing = (listeners.map(\.index).max() ?? -1) + 1 - old.count
    var contexts = old + Array(repeating: nil, count: max(0, missing))
    for listener in listeners { contexts[listener.index] = listener.tls }
    return contexts
  }

  /// Runs until a stop, or until a drain is done.
  mutating func run() {
    while !isStopped {
      if let instant = nextTurn(), timerInstant.map({ instant < $0 }) ?? true {
        timerInstant = instant
        poller.setTimer(instant)
      }
      let count = pollsBusily ? pollBusily() : poller.wait(for: events)
      beginTurn()
      var isCrowdReady = false
      var haveSomeLeft = false
      var position = 0
      while position < count {
        let event = events[position]
        position &+= 1
        if event.data.u64 >= Self.tagLimit {
          if event.events & Self.departure == 0 {
            act(on: event)
          } else {
            haveSomeLeft = true
          }
        } else if event.data.u64 == Self.mailboxTag {
          // In its place: a connection that comes after a reload is one of the new rules.
          readMailbox()
        } else if event.data.u64 == Self.timerTag {
          poller.clearTimer()
          timerInstant = nil
        } else if event.data.u64 == Self.crowdTag {
          isCrowdReady = true
        } else {
          accept(listener: Int(event.data.u64 - Self.firstListenerTag))
        }
      }
      if haveSomeLeft { buryDeparted(count) }
      if isCrowdReady { serveCrowd() }
      shard.expireDeadlines()
      if shard.isDraining || acceptPausedUntil != nil { continueSlowly() }
      if departure != nil { continueDeparture() }
      endTurn()
      while let handover, !isStopped { pause(handover) }
      if exchange.workerCount > 1 { waitForOthers() }
    }
    finish()
  }

  @inline(never)
  private mutating func pollBusily() -> Int {
    var busyPoll = busyPoll
    defer { self.busyPoll = busyPoll }
    return busyPoll.wait(
      now: MonotonicClock.now, look: { poller.look(for: events) },
      sleep: { poller.wait(for: events) })
  }

  @inline(__always)
  mutating func beginTurn() {
    now = MonotonicClock.now()
    shard.beginTurn(now)
  }

  @inline(__always)
  mutating func endTurn() { shard.endTurn() }

  /// What others post until the end is acted on: a connection in a mailbox that nobody reads would
  /// hold its socket, and a question would have no answer.
  private mutating func finish() {
    exchange.retire(index)
    repeat {
      // Also what came behind the stop in the same turn.
      shard.dropAll()
      shard.endTurn()
      guard let rest = mailbox.end(with: shard.currentCounters()) else { return }
      for message in rest { act(on: message) }
    } while true
  }

  // MARK: - Sessions

  @inline(__always)
  mutating func act(on event: epoll_event) {
    guard let session = SessionPointer(bitPattern: UInt(event.data.u64)) else { return }
    if event.events & Poller.writable != 0 && session.pointee.phase != .dead {
      if SocketName.isSecure(session.pointee.socket) {
        writableSecurely(session)
      } else {
        shard.writable(session)
      }
    }
    if event.events & (Poller.readable | Poller.failed) != 0 && session.pointee.phase != .dead {
      receive(session)
    }
  }

  @inline(__always)
  mutating func receive(_ session: SessionPointer) {
    if SocketName.isSecure(session.pointee.socket) { return receiveSecurely(session) }
    let count = receive(session, to: shard.receiveSpace(session))
    if count >= Limits.directReceiveByteCount { receiveRest(session) }
  }

  /// Receives once, and acts on what came; returns what recv(2) did.
  @inline(__always)
  private mutating func receive(
    _ session: SessionPointer, to space: UnsafeMutableRawBufferPointer
  ) -> Int {
    let count = linux_receive(session.pointee.socket, space.baseAddress, space.count)
    if count < 0 { receiveFailed(session) } else { shard.received(session, count) }
    return count
  }

  /// More has probably come than there was space for. The rest of a large message is received at
  /// once: mostly it is whole then, and its memory is free before others begin theirs.
  @inline(never)
  private mutating func receiveRest(_ session: SessionPointer) {
    guard let space = shard.receiveSpaceOfMessage(session) else { return }
    _ = receive(session, to: space)
  }

  @inline(never)
  mutating func receiveFailed(_ session: SessionPointer) {
    let error = errno
    if error != EAGAIN && error != EINTR { shard.received(session, -Int(error)) }
  }

  // MARK: - Other workers

  @inline(never)
  mutating func readMailbox() {
    messages = mailbox.takeAll(reusing: messages)
    for message in messages { act(on: message) }
    // Batches are megabytes, and removed listeners accept until nothing holds them any more.
    messages.removeAll(keepingCapacity: true)
  }

  private mutating func act(on message: WorkerMessage) {
    switch message {
    case .batch(let shared):
      shard.deliver(shared.batch, on: shared.channel)
      withExtendedLifetime(shared) {}
    case .connection(let socket, let peer, let listener):
      adopt(socket, from: peer, listener: listener, message)
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
    case .probe(let probe): probe.answer(index)
    case .kick(let request): request.answer(isFound: shard.kick(request.connectionID))
    case .adopt(let share): adopt(share)
    case .depart(let probe, let spread): depart(probe, spread: spread)
    case .pause(let request): handover = request
    case .export(let request): export(request)
    case .resume: resume()
    case .leave: leave()
    }
  }

  /// Takes a connection that another worker accepted. That worker may have heard of a reload before
  /// this one, and the listener be new: its policy is on the way, and the connection waits for it.
  private mutating func adopt(
    _ socket: Int32, from peer: PeerAddress, listener: Int, _ message: WorkerMessage
  ) {
    if listener < policies.count || isStopped {
      begin(socket, from: peer, listener: min(listener, policies.count - 1))
    } else {
      mailbox.post(message)
    }
  }

  private mutating func reload(_ routes: RouteTable, _ sockets: [ListeningSocket]) {
    let kept = Set(sockets.map(\.descriptor))
    let known = Set(listeners.map(\.descriptor))
    let removed = listeners.filter { !kept.contains($0.descriptor) }
    if acceptPausedUntil == nil { for listener in removed { poller.remove(listener.descriptor) } }
    listeners = sockets
    policies = Self.policies(sockets, over: policies)
    contexts = Self.contexts(sockets, over: contexts)
    shard.reload(routes: routes, listeners: policies)
    for listener in removed where listener.tls == nil || !restsSecureListeners {
      acceptLast(listener)
    }
    guard acceptPausedUntil == nil else { return }
    watchAgain(sockets.filter { !known.contains($0.descriptor) })
  }

  mutating func watchAgain(_ sockets: [ListeningSocket]) {
    do throws(SystemCallError) {
      for listener in sockets where listener.tls == nil || !restsSecureListeners {
        try Self.watch(listener, poller)
      }
    } catch {
      pauseAccepting(error)
    }
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
      watchAgain(listeners)
    }
    guard shard.isDraining else { return }
    shard.continueDrain()
    if let graceEnd, graceEnd <= now { shard.dropAll() }
    if shard.sessionCount == 0 { isStopped = true }
  }
}
