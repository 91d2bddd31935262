// The running relay: its workers and listeners, and what an operator can do to them.

import CLinux
import Glibc
import RelayCore
import Synchronization
import TLS

/// What an engine is started with.
package struct EngineSettings: Sendable {
  /// One listener to be.
  package struct Listener: Sendable {
    package var address: ListenAddress
    package var policy: ListenerPolicy
    /// nil: plain ws://.
    package var tls: TLSSettings?

    package init(address: ListenAddress, policy: ListenerPolicy, tls: TLSSettings? = nil) {
      self.address = address
      self.policy = policy
      self.tls = tls
    }
  }

  /// 0: one for each CPU this process may use.
  package var threadCount = 0
  /// Whether workers look for messages for a moment before they sleep.
  package var pollsBusily = false
  package var limits = Limits()
  package var routes: RouteTable
  package var listeners: [Listener]
  /// Sockets inherited from the service manager, by name.
  package var inheritedSockets: [String: Int32] = [:]
  /// Whether completed handshakes are recorded.
  package var recordsOpened = false
  /// What the process before left; nil: nothing.
  package var arrival: HandoverArrival?
  /// Called once nothing is in the way any more, before the first worker serves.
  package var willServe: @Sendable () -> Void = {}
  /// Told once the workers have taken up all that arrived, on one of their threads.
  package var adopted: @Sendable (AdoptionSummary) -> Void = { _ in }

  package init(routes: RouteTable, listeners: [Listener]) {
    self.routes = routes
    self.listeners = listeners
  }
}

/// The relay at work: one worker per thread.
package final class Engine: Sendable {
  package let workerCount: Int
  let exchange: Exchange
  private let shared: SharedRelayState
  private let inheritedSockets: [String: Int32]
  private let state: Mutex<State>
  private let threads: Mutex<[pthread_t]>

  struct State {
    var listeners: [ListeningSocket] = []
    /// A listener's place is its address's for good: sessions remember it.
    var indices: [ListenAddress: Int] = [:]
    /// Places behind theirs of listeners that only the process before had.
    var reservedCount = 0
    /// Sockets of listeners that were handed over and not opened yet.
    var handedOver: [ListenAddress: Int32] = [:]
  }

  /// Opens the listeners and starts the workers; nothing is left behind when it fails.
  package init(_ settings: EngineSettings, recorder: any ConnectionRecorder)
    throws(SystemCallError)
  {
    let count =
      settings.threadCount > 0 ? settings.threadCount : Int(linux_usable_cpu_count())
    workerCount = count
    exchange = try Exchange(workerCount: count)
    inheritedSockets = settings.inheritedSockets
    shared = SharedRelayState(limits: settings.limits, shardCount: count)
    var state = State()
    Self.takeListeners(settings, in: &state)
    let left = state.listeners
    try Self.open(settings.listeners, inherited: settings.inheritedSockets, in: &state)
    if let arrival = settings.arrival {
      Self.share(arrival, in: &state, exchange, completion: settings.adopted)
    }
    for listener in left + state.listeners { listener.own() }
    settings.willServe()
    let setup = WorkerSetup(
      index: 0, exchange: exchange, shared: shared, routes: settings.routes,
      listeners: state.listeners, recorder: recorder, recordsOpened: settings.recordsOpened,
      pollsBusily: settings.pollsBusily)
    threads = Mutex(try Self.startWorkers(setup))
    self.state = Mutex(state)
  }

  /// Starts one worker for each mailbox, or none.
  private static func startWorkers(_ setup: WorkerSetup) throws(SystemCallError) -> [pthread_t] {
    var threads: [pthread_t] = []
    do throws(SystemCallError) {
      for index in setup.exchange.mailboxes.indices {
        var setup = setup
        setup.index = index
        threads.append(try WorkerThread.start(setup))
      }
    } catch {
      for mailbox in setup.exchange.mailboxes { mailbox.post(.stop) }
      for thread in threads { pthread_join(thread, nil) }
      throw error
    }
    return threads
  }

  /// The sockets that accept connections, in the order of the configuration.
  package var listeners: [ListeningSocket] { state.withLock { $0.listeners } }

  /// Opens what is new and keeps what is there; the state changes only if all of it works.
  private static func open(
    _ wanted: [EngineSettings.Listener], inherited: [String: Int32], in state: inout State
  ) throws(SystemCallError) {
    let addresses = Set(wanted.map(\.address))
    let left = state.listeners.filter { !addresses.contains($0.address) }
    var opened: [ListeningSocket] = []
    var indices = state.indices
    for listener in wanted {
      let index = indices[listener.address] ?? indices.count + state.reservedCount
      if index >= ListeningSocket.maximumCount {
        throw SystemCallError("listen", errno: ENOSPC, subject: "\(listener.address)")
      }
      indices[listener.address] = index
      if let known = state.listeners.first(where: { $0.address == listener.address }) {
        opened.append(known.with(policy: listener.policy, tls: listener.tls))
      } else if let socket = state.handedOver.removeValue(forKey: listener.address),
        let kept = ListeningSocket.takeOver(socket, listener, index: index)
      {
        opened.append(kept)
      } else {
        opened.append(
          try ListeningSocket.open(listener, index: index, inherited: inherited, inPlaceOf: left))
      }
    }
    state.listeners = opened
    state.indices = indices
  }

  /// Puts other settings in force in all workers, but for their number and how they wait; on an
  /// error nothing has changed.
  package func reload(_ settings: EngineSettings) throws(SystemCallError) {
    // Posted under the lock: all workers hear of two reloads in the same order.
    try state.withLock { state throws(SystemCallError) in
      try Self.open(settings.listeners, inherited: inheritedSockets, in: &state)
      shared.adopt(settings.limits)
      postToAll(
        .reload(settings.routes, state.listeners, recordsOpened: settings.recordsOpened))
    }
  }

  /// Closes all connections with a Close frame, spread over a time; what has not ended after
  /// `grace` is reset. The workers end when nothing is left.
  package func drain(cause: CloseCause, spread: Duration, grace: Duration) {
    postToAll(.drain(cause: cause, spread: spread, grace: grace))
  }

  /// Ends all connections and workers at once.
  package func stop() { postToAll(.stop) }

  /// Asks all workers for their counters; `completion` is called on one of their threads, or on
  /// this one if all have ended.
  package func count(_ completion: @escaping @Sendable (ShardCounters) -> Void) {
    let request = CounterRequest(workerCount: workerCount, completion: completion)
    for mailbox in exchange.mailboxes where !mailbox.post(.count(request)) {
      request.answer(mailbox.finalCounters ?? ShardCounters())
    }
  }

  /// Asks all workers for a sign of life; `completion` is called on one of their threads once the
  /// last has answered, and never if one is stuck.
  package func probe(_ completion: @escaping @Sendable () -> Void) -> Probe {
    let probe = Probe(workerCount: workerCount, completion: completion)
    for (index, mailbox) in exchange.mailboxes.enumerated() where !mailbox.post(.probe(probe)) {
      probe.answer(index)
    }
    return probe
  }

  /// Waits until all workers have acted on what they were told before; false: not in time.
  package func waitUntilHeard(timeout: Duration) -> Bool {
    guard let bell = try? Bell() else { return false }
    _ = probe { bell.ring() }
    return bell.wait(timeout)
  }

  /// Closes one connection for an operator; `completion` is told, on one of the workers' threads,
  /// whether there was such a connection.
  package func kick(
    _ connectionID: UInt64, completion: @escaping @Sendable (_ isFound: Bool) -> Void
  ) {
    let request = KickRequest(connectionID, workerCount: workerCount, completion: completion)
    for mailbox in exchange.mailboxes where !mailbox.post(.kick(request)) {
      request.answer(isFound: false)
    }
  }

  /// Connections past their opening handshake, in all workers.
  package var openConnectionCount: Int { shared.open.count }

  /// Waits until all workers have ended, and closes the listeners; may be called again.
  package func join() {
    threads.withLock { threads in
      for thread in threads { pthread_join(thread, nil) }
      threads = []
    }
    state.withLock { $0.listeners = [] }
  }

  private func postToAll(_ message: WorkerMessage) {
    for mailbox in exchange.mailboxes { mailbox.post(message) }
  }
}

/// A thread that runs a worker.
private enum WorkerThread {
  /// What a thread starts with. Taken out by it: the thread must not hold listeners for its whole
  /// life that a reload removes.
  private final class Start: Sendable {
    private let setup: Mutex<WorkerSetup?>
    private let pollers: Mutex<Worker.Pollers?>

    init(_ setup: WorkerSetup) throws(SystemCallError) {
      pollers = Mutex(try Worker.makePollers(setup))
      self.setup = Mutex(setup)
    }

    func takeSetup() -> WorkerSetup? { setup.withLock { $0.take() } }
    func takePollers() -> Worker.Pollers? { pollers.withLock { $0.take() } }
  }

  private static let faults = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP]

  static func start(_ setup: WorkerSetup) throws(SystemCallError) -> pthread_t {
    var thread = pthread_t()
    let content = try Start(setup)
    let start = Unmanaged.passRetained(content)
    // Signals are the daemon's: its threads wait for them, no worker is interrupted by one. A fault
    // of the worker's own stays with it: held back, it would end the process without a word.
    var signals = sigset_t()
    var before = sigset_t()
    sigfillset(&signals)
    for fault in faults { sigdelset(&signals, fault) }
    pthread_sigmask(SIG_BLOCK, &signals, &before)
    let error = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        WorkerThread.run(Unmanaged<Start>.fromOpaque(argument).takeRetainedValue())
        return nil
      }, start.toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    if error != 0 {
      start.release()
      throw SystemCallError("pthread_create", errno: error, subject: "worker \(setup.index)")
    }
    return thread
  }

  private static func run(_ start: Start) {
    guard var worker = makeWorker(start) else { return }
    worker.run()
  }

  private static func makeWorker(_ start: Start) -> Worker? {
    guard let setup = start.takeSetup(), let pollers = start.takePollers() else { return nil }
    linux_name_thread("wsrelay-\(setup.index)")
    return Worker(setup, pollers: pollers)
  }
}
