// The running relay: its workers and listeners, and what an operator can do to them.

import CLinux
import Glibc
import RelayCore
import Synchronization

/// What an engine is started with.
package struct EngineSettings: Sendable {
  /// One listener to be.
  package struct Listener: Sendable {
    package var address: ListenAddress
    package var policy: ListenerPolicy

    package init(address: ListenAddress, policy: ListenerPolicy) {
      self.address = address
      self.policy = policy
    }
  }

  /// 0: one for each CPU this process may use.
  package var threadCount = 0
  package var limits = Limits()
  package var routes: RouteTable
  package var listeners: [Listener]
  /// Sockets inherited from the service manager, by name.
  package var inheritedSockets: [String: Int32] = [:]
  /// Whether completed handshakes are recorded.
  package var recordsOpened = false

  package init(routes: RouteTable, listeners: [Listener]) {
    self.routes = routes
    self.listeners = listeners
  }
}

/// The relay at work: one worker per thread.
package final class Engine: Sendable {
  package let workerCount: Int
  private let exchange: Exchange
  private let shared: SharedRelayState
  private let inheritedSockets: [String: Int32]
  private let state: Mutex<State>

  private struct State {
    var threads: [pthread_t] = []
    var listeners: [ListeningSocket] = []
    /// A listener's place is its address's for good: sessions remember it.
    var indices: [ListenAddress: Int] = [:]
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
    shared = SharedRelayState(limits: settings.limits)
    var state = State()
    try Self.open(settings.listeners, inherited: settings.inheritedSockets, in: &state)
    for index in 0..<count {
      let setup = WorkerSetup(
        index: index, exchange: exchange, shared: shared, routes: settings.routes,
        listeners: state.listeners, recorder: recorder, recordsOpened: settings.recordsOpened)
      state.threads.append(try WorkerThread.start(setup))
    }
    self.state = Mutex(state)
  }

  /// The sockets that accept connections, in the order of the configuration.
  package var listeners: [ListeningSocket] { state.withLock { $0.listeners } }

  /// Opens what is new and keeps what is there; the state changes only if all of it works.
  private static func open(
    _ wanted: [EngineSettings.Listener], inherited: [String: Int32], in state: inout State
  ) throws(SystemCallError) {
    var opened: [ListeningSocket] = []
    var indices = state.indices
    for listener in wanted {
      let index = indices[listener.address] ?? indices.count
      indices[listener.address] = index
      if let known = state.listeners.first(where: { $0.address == listener.address }) {
        opened.append(known.with(policy: listener.policy))
      } else {
        opened.append(
          try ListeningSocket.open(
            listener.address, policy: listener.policy, index: index, inherited: inherited))
      }
    }
    state.listeners = opened
    state.indices = indices
  }

  /// Puts other settings in force in all workers, but for the number of threads; on an error
  /// nothing has changed.
  package func reload(_ settings: EngineSettings) throws(SystemCallError) {
    let result = state.withLock { state -> Result<[ListeningSocket], SystemCallError> in
      do throws(SystemCallError) {
        try Self.open(settings.listeners, inherited: inheritedSockets, in: &state)
        return .success(state.listeners)
      } catch {
        return .failure(error)
      }
    }
    let sockets = try result.get()
    shared.maximumConnectionCount = settings.limits.maximumConnectionCount
    postToAll(
      .reload(settings.routes, sockets, recordsOpened: settings.recordsOpened))
  }

  /// Closes all connections with a Close frame, spread over a time; what has not ended after
  /// `grace` is reset. The workers end when nothing is left.
  package func drain(cause: CloseCause, spread: Duration, grace: Duration) {
    postToAll(.drain(cause: cause, spread: spread, grace: grace))
  }

  /// Ends all connections and workers at once.
  package func stop() { postToAll(.stop) }

  /// Asks all workers for their counters; `completion` is called on one of their threads.
  package func count(_ completion: @escaping @Sendable (ShardCounters) -> Void) {
    postToAll(.count(CounterRequest(workerCount: workerCount, completion: completion)))
  }

  /// Waits until all workers have ended.
  package func join() {
    let threads = state.withLock { state in
      defer { state.threads = [] }
      return state.threads
    }
    for thread in threads { pthread_join(thread, nil) }
    state.withLock { $0.listeners = [] }
  }

  private func postToAll(_ message: WorkerMessage) {
    for mailbox in exchange.mailboxes { mailbox.post(message) }
  }
}

/// A thread that runs a worker.
private enum WorkerThread {
  private final class Start: Sendable {
    let setup: WorkerSetup

    init(_ setup: WorkerSetup) { self.setup = setup }
  }

  static func start(_ setup: WorkerSetup) throws(SystemCallError) -> pthread_t {
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start(setup))
    // Signals are the daemon's: its threads wait for them, no worker is interrupted by one.
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    let error = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let setup = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().setup
        linux_name_thread("wsrelay-\(setup.index)")
        WorkerThread.run(setup)
        return nil
      }, start.toOpaque())
    pthread_sigmask(SIG_SETMASK, &before, nil)
    if error != 0 {
      start.release()
      throw SystemCallError("pthread_create", errno: error, subject: "worker \(setup.index)")
    }
    return thread
  }

  private static func run(_ setup: WorkerSetup) {
    do throws(SystemCallError) {
      let poller = try Poller()
      var worker = Worker(setup, poller: poller)
      try worker.watchAll()
      worker.run()
    } catch {
      setup.recorder.acceptFailed(error)
    }
  }
}
