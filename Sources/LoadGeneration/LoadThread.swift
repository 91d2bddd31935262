// A thread of the load: what it runs, and how it comes into being.

import CLinux
import Glibc
import RelayEngine
import Synchronization

/// A thread that runs a worker.
struct LoadThread: Sendable {
  private let thread: pthread_t

  private final class Start: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts the worker that a plan asks for.
  init(_ setup: LoadSetup, board: BroadcastBoard?) throws(SystemCallError) {
    let start = Unmanaged.passRetained(Start { Self.work(setup, board) })
    var thread = pthread_t()
    let error = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, start.toOpaque())
    if error != 0 {
      start.release()
      throw SystemCallError("pthread_create", errno: error, subject: "load thread")
    }
    self.thread = thread
  }

  /// Waits until the thread has ended; once.
  func join() { pthread_join(thread, nil) }

  private static func work(_ setup: LoadSetup, _ board: BroadcastBoard?) {
    linux_name_thread("bench-\(setup.thread)")
    let plan = setup.plan
    switch plan.kind {
    case .echo, .latency: run(setup) { EchoScenario(plan, thread: setup.thread) }
    case .broadcast:
      guard let board else { preconditionFailure("a broadcast without a board") }
      run(setup) { BroadcastScenario(plan, thread: setup.thread, board: board) }
    case .idle: run(setup) { IdleScenario() }
    case .churn: run(setup) { ChurnScenario(plan) }
    }
  }

  private static func run<Scenario: LoadScenario & ~Copyable>(
    _ setup: LoadSetup, _ makeScenario: () -> Scenario
  ) {
    let state = setup.state.threads[setup.thread]
    do throws(SystemCallError) {
      let poller = try LoadWorker<Scenario>.makePoller(state)
      var worker = LoadWorker(setup, scenario: makeScenario(), poller: poller)
      worker.run()
    } catch {
      var result = ThreadResult()
      result.faults.note(.connect, error.description)
      state.result.withLock { [result] in $0 = result }
      state.counts = RunCounts(faults: 1)
    }
  }
}
