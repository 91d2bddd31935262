// A run from its first connection to its last: starts the threads, leads them from stage to stage,
// and takes the readings. Read `run` top-down.

import Glibc
import RelayEngine
import Synchronization

/// Why a run could not be made.
package enum LoadRunError: Error, CustomStringConvertible {
  case target(TargetError)
  case system(SystemCallError)
  /// The process that is to be watched.
  case noServer(Int32)
  /// Descriptors that are allowed, and needed.
  case descriptors(Int, Int)

  package var description: String {
    switch self {
    case .target(let error): error.description
    case .system(let error): error.description
    case .noServer(let process): "there is no process \(process), or it may not be watched"
    case .descriptors(let allowed, let needed):
      "\(needed) open files are needed, \(allowed) allowed: see `ulimit -n`"
    }
  }
}

/// Shows how a run gets on.
package protocol LoadObserver {
  /// Connections are being opened.
  func opening(_ openCount: Int, of connectionCount: Int)
  /// The load runs; `seconds` have been measured.
  func running(seconds: Double, rate: Double, faultCount: Int)
}

/// One run.
package struct LoadRun {
  private let plan: LoadPlan
  private let state: RunState
  private let threads: [LoadThread]
  private let meter: ServerMeter?
  private let observer: any LoadObserver
  private var measurement: LoadMeasurement
  /// SIGINT and SIGTERM, which end the run before its time.
  private let signals: sigset_t

  /// Between two looks at the threads.
  private static let tick: UInt64 = 100_000_000
  /// In seconds.
  private static let shortestSample = 0.05
  /// How long connections may take to open, besides the ramp, without one more opening.
  private static let openingPatience: UInt64 = 10_000_000_000
  /// How long nothing at all may come before the server counts as stuck, and how long what is under
  /// way may take at the end.
  private static let patience: UInt64 = 5_000_000_000
  /// Descriptors beside the connections'.
  private static let spareDescriptorCount = 64

  /// Starts the threads; they begin to connect at once.
  package init(_ plan: LoadPlan, observer: any LoadObserver) throws(LoadRunError) {
    self.plan = plan
    self.observer = observer
    signals = Self.holdSignals()
    try Self.allowDescriptors(plan.connectionCount + Self.spareDescriptorCount)
    measurement = LoadMeasurement(plan: plan)
    meter = plan.serverProcess.flatMap { ServerMeter(process: $0) }
    if let process = plan.serverProcess, meter == nil { throw .noServer(process) }
    let before = meter?.read()?.residentByteCount ?? 0
    if meter != nil { measurement.serverMemory = (before, before) }
    do {
      let address = try plan.target.resolve()
      let state = try RunState(threadCount: plan.threadCount)
      let board =
        plan.kind == .broadcast ? BroadcastBoard(plan, publishers: state.threads[0]) : nil
      var threads: [LoadThread] = []
      for thread in 0..<plan.threadCount {
        let setup = LoadSetup(plan: plan, address: address, thread: thread, state: state)
        threads.append(try LoadThread(setup, board: board))
      }
      (self.state, self.threads) = (state, threads)
    } catch let error as TargetError {
      throw .target(error)
    } catch let error as SystemCallError {
      throw .system(error)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Runs to the end; called once.
  package mutating func run() -> LoadMeasurement {
    if waitUntilOpen() {
      state.enter(.warmup)
      let lives = wait(for: plan.warmup) { _ in }
      if lives { measure() }
      drain()
    }
    measurement.openCount = state.counts.open
    state.enter(.closing)
    for thread in threads { thread.join() }
    collect()
    return measurement
  }

  // MARK: - Stages

  /// False: not all connections opened, and why is among the faults.
  private mutating func waitUntilOpen() -> Bool {
    var before = -1
    var lastChange = MonotonicClock.nanoseconds()
    while state.counts.open < plan.connectionCount {
      let open = state.counts.open
      let now = MonotonicClock.nanoseconds()
      if open != before { (before, lastChange) = (open, now) }
      observer.opening(open, of: plan.connectionCount)
      if state.counts.faults > 0 || isInterrupted(within: Self.tick / 10) { return false }
      let patience = Self.openingPatience + UInt64(plan.ramp.nanoseconds)
      if now - lastChange > patience {
        let missing = plan.connectionCount - open
        measurement.faults.note(.handshake, "\(missing) connections did not open in time")
        return false
      }
    }
    return true
  }

  private mutating func measure() {
    state.enter(.measuring)
    let first = snapshot()
    var samples: [ThroughputSample] = []
    var last = first
    _ = wait(for: plan.duration) { run in
      let sample = run.snapshot()
      let seconds = Double(sample.time - last.time) / 1e9
      // A rest of a tick, or one that a signal cut short, is no measure of a rate.
      if seconds < Self.shortestSample { return }
      let rate = Double(sample.messageCount - last.messageCount) / seconds
      let elapsed = Double(sample.time - first.time) / 1e9
      samples.append(ThroughputSample(time: elapsed, rate: rate))
      run.observer.running(seconds: elapsed, rate: rate, faultCount: run.state.counts.faults)
      last = sample
    }
    let end = snapshot()
    measurement.throughput = samples
    measurement.seconds = Double(end.time - first.time) / 1e9
    measurement.messageCount = end.messageCount - first.messageCount
    measurement.payloadByteCount = end.payloadByteCount - first.payloadByteCount
    measurement.clientCPU = Double(end.clientCPU - first.clientCPU) / 1e9
    if let before = first.server, let after = end.server {
      measurement.serverCPU = Double(after.cpu - before.cpu) / 1e9
      measurement.serverMemory?.after = after.residentByteCount
    } else if meter != nil {
      measurement.faults.note(.closed, "the server's process has ended")
    }
  }

  /// Waits for a time, with a call for every tick of it; false: it was cut short.
  private mutating func wait(for duration: Duration, _ body: (LoadRun) -> Void) -> Bool {
    let end = MonotonicClock.nanoseconds() + UInt64(duration.nanoseconds)
    var lastCount = state.counts.messages
    var lastProgress = MonotonicClock.nanoseconds()
    while true {
      let now = MonotonicClock.nanoseconds()
      if now >= end { return true }
      if isInterrupted(within: min(Self.tick, end - now)) { return false }
      body(self)
      let count = state.counts.messages
      if count != lastCount { (lastCount, lastProgress) = (count, MonotonicClock.nanoseconds()) }
      if plan.kind != .idle && MonotonicClock.nanoseconds() - lastProgress > Self.patience {
        measurement.faults.note(.stalled, "nothing came for 5 s")
        return false
      }
      if state.counts.open == 0 && plan.kind != .churn { return false }
    }
  }

  /// What is under way at the end must come. How much that is, threads know of each other only
  /// once none of them sends any more.
  private mutating func drain() {
    state.enter(.draining)
    let end = MonotonicClock.nanoseconds() + Self.patience
    var counts = state.counts
    while counts.stage < .settling || counts.unanswered > 0 {
      // In `churn` connections still come.
      let canCome = counts.open > 0 || plan.kind == .churn
      if !canCome || MonotonicClock.nanoseconds() > end { break }
      if isInterrupted(within: Self.tick / 20) { break }
      counts = state.counts
      if counts.stage == .draining { state.enter(.settling) }
    }
    let lost = counts.unanswered
    if lost > 0 && !measurement.isInterrupted {
      measurement.faults.note(.lost, count: lost, "\(lost) messages did not come within 5 s")
    }
  }

  private mutating func collect() {
    for thread in state.threads {
      guard let result = thread.result.withLock({ $0 }) else { continue }
      measurement.latencies.add(result.latencies)
      measurement.openings.add(result.openings)
      measurement.faults.add(result.faults)
    }
  }

  // MARK: - Readings

  private func snapshot() -> Snapshot {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    let counts = state.counts
    return Snapshot(
      time: MonotonicClock.nanoseconds(), messageCount: counts.messages,
      payloadByteCount: counts.payloadBytes,
      clientCPU: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec), server: meter?.read())
  }

  // MARK: - The process

  /// Signals wait until this thread asks for them; those that follow it inherit that.
  private static func holdSignals() -> sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    return signals
  }

  /// Waits; true: somebody wants the run to end.
  private mutating func isInterrupted(within nanoseconds: UInt64) -> Bool {
    var signals = signals
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    let number = sigtimedwait(&signals, nil, &time)
    if number > 0 { measurement.isInterrupted = true }
    return number > 0
  }

  private static func allowDescriptors(_ count: Int) throws(LoadRunError) {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    if limit.rlim_cur >= rlim_t(count) { return }
    limit.rlim_max = max(limit.rlim_max, rlim_t(count))
    let hard = limit.rlim_max
    limit.rlim_cur = hard
    if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 { return }
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    if limit.rlim_cur < rlim_t(count) { throw .descriptors(Int(clamping: limit.rlim_cur), count) }
  }
}

extension Duration {
  /// In whole nanoseconds, not below 0.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
  }
}
