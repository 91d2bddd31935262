// The daemon: configuration, journal and engine put together, and the operator's signals. The start
// is one screen, `run`; what each signal does is below it.

import Glibc
import RelayConfiguration
import RelayCore
import RelayEngine
import Synchronization
import Systemd

/// A running `wsrelay serve`.
package final class Daemon {
  let source: ConfigurationSource
  let descriptorLimit: Int
  var journal: CloseJournal
  let recorder: JournalRecorder
  let engine: Engine
  let notifier = ServiceNotifier()
  private var supervisor: Supervisor
  var configuration: Configuration
  /// Where this program is, and another version of it after an upgrade.
  let program = ProgramPath.current()
  /// nil: no stop was asked for.
  private var drain: Drain?

  /// A stop in progress.
  private struct Drain {
    let start = ContinuousClock.now
    let end: ContinuousClock.Instant
    /// What had ended before it.
    let closed: CloseCounts.Counts
  }

  /// What a start is made of, read and checked.
  private struct Start {
    let source: ConfigurationSource
    let loaded: LoadedConfiguration
    let certificates: ServerCertificates
    let descriptorLimit: Int

    var engineSettings: EngineSettings {
      EngineSettings(loaded.configuration, certificates, descriptorLimit: descriptorLimit)
    }
  }

  /// Starts, serves until it is told to stop, and returns the code to exit with.
  package static func run(_ source: ConfigurationSource) -> ExitCode {
    Signals.block()
    let descriptorLimit = DescriptorLimit.raise()
    let start: Start
    do throws(ConfigurationErrors) {
      let loaded = try source.load(descriptorLimit: descriptorLimit)
      start = Start(
        source: source, loaded: loaded,
        certificates: try ServerCertificates(loaded, for: .serving),
        descriptorLimit: descriptorLimit)
    } catch {
      StandardError.writeError(error.rendered)
      return .configuration
    }
    DescriptorLimit.makeRoom(for: start.engineSettings.limits.maximumConnectionCount)
    do throws(SystemCallError) {
      return try run(start, try Inheritance.take())
    } catch {
      let why = ListenFailure.explain(error) ?? "cannot start: \(error)"
      StandardError.writeError("wsrelay: error: \(why)\n")
      return ExitCode(error)
    }
  }

  private static func run(
    _ start: Start, _ inheritance: consuming Inheritance
  ) throws(SystemCallError) -> ExitCode {
    let journal: CloseJournal
    do throws(SystemdError) {
      journal = try CloseJournal(log: start.loaded.configuration.log)
    } catch {
      StandardError.writeError("wsrelay: error: cannot start the journal writer: \(error)\n")
      return .systemError
    }
    for advice in start.loaded.advice + start.certificates.advice {
      journal.warning(advice.description)
    }
    do throws(SystemCallError) {
      // Given away: it is as large as all that waits for slow clients, and of no use any more.
      let daemon = try Daemon(start, journal, consume inheritance)
      return daemon.serve(start)
    } catch {
      journal.close(deadline: .seconds(1))
      throw error
    }
  }

  private init(
    _ start: Start, _ journal: CloseJournal, _ inheritance: consuming Inheritance
  ) throws(SystemCallError) {
    source = start.source
    descriptorLimit = start.descriptorLimit
    configuration = start.loaded.configuration
    self.journal = journal
    let recorder = JournalRecorder(journal)
    self.recorder = recorder
    var settings = start.engineSettings
    settings.inheritedSockets = inheritance.listening
    settings.arrival = inheritance.arrival
    settings.adopted = { summary in recorder.journal.report(.restarted(summary)) }
    let storedNames = inheritance.storedNames
    settings.willServe = { try? DescriptorStore().remove(storedNames) }
    engine = try Engine(settings, recorder: recorder)
    supervisor = Supervisor(notifier, try Self.watchdog(), engine, recorder)
  }

  private static func watchdog() throws(SystemCallError) -> Watchdog? {
    do throws(SystemdError) {
      return try Watchdog.fromEnvironment()
    } catch {
      throw SystemCallError(error.call, errno: error.errorNumber, subject: "WATCHDOG_USEC")
    }
  }

  private func serve(_ start: Start) -> ExitCode {
    StartBanner.print(configuration, source, workerCount: engine.workerCount)
    journal.report(
      .started(
        configuration, workerCount: engine.workerCount, descriptorLimit: descriptorLimit,
        maximumConnectionCount: start.engineSettings.limits.maximumConnectionCount))
    for summary in start.certificates.summaries { journal.notice(summary) }
    tell { manager throws(SystemdError) in try manager.ready() }
    supervise()
    while true {
      switch Signals.next(timeout: supervisor.timeUntilTick) {
      case nil: break
      case .stop where drain != nil: engine.stop()
      case .stop(let plan): if stop(plan) { return finish() }
      case .become: if drain == nil { becomeNewProgram() }
      case .reload: if drain == nil { reload() }
      case .count: count()
      case .kick(let connectionID): kick(connectionID)
      case .workersEnded: return finish()
      }
      supervise()
    }
  }

  func supervise() {
    let (routeCount, drainEnd) = (configuration.routes.count, drain?.end)
    tell { _ throws(SystemdError) in
      try supervisor.tick(routeCount: routeCount, drainEnd: drainEnd)
    }
  }

  /// systemd not listening is no reason not to serve.
  func tell(_ message: (ServiceNotifier) throws(SystemdError) -> Void) {
    do throws(SystemdError) {
      try message(notifier)
    } catch {
      journal.warning("cannot tell the service manager: \(error)")
    }
  }

  // MARK: - Signals

  /// The first signal drains, unless another process follows that takes the connections: then true,
  /// and all is done.
  private func stop(_ plan: RestartPlan?) -> Bool {
    if let plan, plan != .close, leaveToServiceManager(withListeners: plan == .keep) {
      return true
    }
    beginDrain(cause: plan == nil ? .drain : .restart)
    return false
  }

  private func beginDrain(cause: CloseCause) {
    let times = configuration.drain
    let grace = max(times.grace, times.spread)
    drain = Drain(end: .now + grace, closed: recorder.closeCounts.counts)
    tell { manager throws(SystemdError) in try manager.stopping() }
    journal.report(.draining(connectionCount: engine.openConnectionCount, times))
    engine.drain(cause: cause, spread: times.spread, grace: grace)
    joinWorkersAside()
  }

  /// Joins the workers on a thread of its own, so that this one still hears a second signal.
  private func joinWorkersAside() {
    let engine = self.engine
    do throws(SystemdError) {
      try NamedThread(named: "wsrelay-drain") {
        engine.join()
        Signals.raiseWorkersEnded()
      }.detach()
    } catch {
      engine.stop()
      engine.join()
      Signals.raiseWorkersEnded()
    }
  }

  private func finish() -> ExitCode {
    if let drain {
      let closed = recorder.closeCounts.counts - drain.closed
      journal.report(.stopped(closed: closed, within: .now - drain.start))
    }
    journal.close(deadline: configuration.drain.grace)
    return .success
  }

  /// Reads the configuration again and puts it in force; a bad one changes nothing.
  private func reload() {
    tell { manager throws(SystemdError) in try manager.reloading() }
    defer { tell { manager throws(SystemdError) in try manager.ready() } }
    let loaded: LoadedConfiguration
    let certificates: ServerCertificates
    do throws(ConfigurationErrors) {
      loaded = try source.load(descriptorLimit: descriptorLimit)
      certificates = try ServerCertificates(loaded, for: .serving)
    } catch {
      for diagnostic in error.diagnostics { journal.error(diagnostic.description) }
      reloadFailed(nil, errorCount: error.diagnostics.count)
      return
    }
    apply(loaded, certificates)
  }

  private func apply(_ loaded: LoadedConfiguration, _ certificates: ServerCertificates) {
    let new = loaded.configuration
    do throws(SystemCallError) {
      try engine.reload(EngineSettings(new, certificates, descriptorLimit: descriptorLimit))
    } catch {
      reloadFailed(ListenFailure.explain(error) ?? "\(error)", errorCount: 0)
      return
    }
    // Who is told that it is in force shall find it so.
    if !engine.waitUntilHeard(timeout: .seconds(1)) {
      journal.warning("a worker is slow to put the new configuration in force")
    }
    for advice in loaded.advice + certificates.advice { journal.warning(advice.description) }
    journal.report(
      .reloaded(
        ReloadChanges(from: configuration, to: new), connectionCount: engine.openConnectionCount))
    for summary in certificates.summaries { journal.notice(summary) }
    applyLog(new.log)
    configuration = new
  }

  private func reloadFailed(_ why: String?, errorCount: Int) {
    journal.report(
      .reloadFailed(
        why, errorCount: errorCount, connectionCount: engine.openConnectionCount))
  }

  /// Records go elsewhere from now on, if the file says so; what is queued is still written.
  private func applyLog(_ log: Configuration.Log) {
    journal.includesPeerDetails = log.includesPeerDetails
    guard log.target != configuration.log.target || log.format != configuration.log.format
    else { return }
    do throws(SystemdError) {
      let new = try CloseJournal(log: log)
      recorder.replace(with: new)
      journal.close(deadline: .seconds(1))
      journal = new
    } catch {
      journal.error("records stay where they are: \(error)")
    }
  }

  private func kick(_ connectionID: UInt64) {
    engine.kick(connectionID) { [recorder] isFound in
      if isFound { return }
      let identity = RecordText.identifier(connectionID)
      recorder.journal.warning("kick: there is no connection \(identity)")
    }
  }

  private func count() {
    engine.count { [recorder] counters in recorder.journal.notice(CounterText.line(counters)) }
  }
}
