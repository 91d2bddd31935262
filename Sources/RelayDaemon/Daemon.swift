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
  private let source: ConfigurationSource
  private let descriptorLimit: Int
  private var journal: CloseJournal
  private let recorder: JournalRecorder
  private let engine: Engine
  private let notifier = ServiceNotifier()
  private var configuration: Configuration
  private var isDraining = false

  /// Starts, serves until it is told to stop, and returns the code to exit with.
  package static func run(_ source: ConfigurationSource) -> ExitCode {
    Signals.block()
    let descriptorLimit = DescriptorLimit.raise()
    let loaded: LoadedConfiguration
    do throws(ConfigurationErrors) {
      loaded = try source.load(descriptorLimit: descriptorLimit)
    } catch {
      StandardError.write(error.rendered)
      return .configuration
    }
    do throws(SystemdError) {
      let journal = try CloseJournal(log: loaded.configuration.log)
      for advice in loaded.advice { journal.warning(advice.description) }
      do throws(SystemCallError) {
        let daemon = try Daemon(source, loaded.configuration, descriptorLimit, journal)
        return daemon.serve()
      } catch {
        journal.close(deadline: .seconds(1))
        StandardError.write("wsrelay: error: \(StartFailure.explain(error))\n")
        return ExitCode(error)
      }
    } catch {
      StandardError.write("wsrelay: error: cannot start the journal writer: \(error)\n")
      return .systemError
    }
  }

  private init(
    _ source: ConfigurationSource, _ configuration: Configuration, _ descriptorLimit: Int,
    _ journal: CloseJournal
  ) throws(SystemCallError) {
    self.source = source
    self.descriptorLimit = descriptorLimit
    self.journal = journal
    self.configuration = configuration
    var settings = EngineSettings(configuration, descriptorLimit: descriptorLimit)
    settings.inheritedSockets = try Self.inheritedSockets()
    recorder = JournalRecorder(journal)
    engine = try Engine(settings, recorder: recorder)
  }

  private static func inheritedSockets() throws(SystemCallError) -> [String: Int32] {
    do throws(SystemdError) {
      let sockets = try ListenSockets.take()
      return Dictionary(
        sockets.filter(\.isListening).map { ($0.name, $0.descriptor) },
        uniquingKeysWith: { first, _ in first })
    } catch {
      throw SystemCallError(error.call, errno: error.errorNumber, subject: "inherited sockets")
    }
  }

  private func serve() -> ExitCode {
    StartBanner.print(configuration, source, workerCount: engine.workerCount)
    let addresses = configuration.listeners.map(\.address.description).joined(separator: ", ")
    journal.report(
      .start,
      "started: listening on \(addresses), \(configuration.routes.count) routes, "
        + "\(engine.workerCount) workers, descriptor limit \(descriptorLimit)")
    tell { manager throws(SystemdError) in try manager.ready() }
    while true {
      switch Signals.next() {
      case .stop: stop()
      case .reload: if !isDraining { reload() }
      case .count: count()
      case .workersEnded: return finish()
      }
    }
  }

  /// systemd not listening is no reason not to serve.
  private func tell(_ message: (ServiceNotifier) throws(SystemdError) -> Bool) {
    do throws(SystemdError) {
      _ = try message(notifier)
    } catch {
      journal.warning("cannot tell the service manager: \(error)")
    }
  }

  // MARK: - Signals

  /// The first signal drains, the second one stops at once.
  private func stop() {
    if isDraining {
      engine.stop()
      return
    }
    isDraining = true
    tell { manager throws(SystemdError) in try manager.stopping() }
    let drain = configuration.drain
    journal.report(.drain, "draining: closing all connections within \(drain.grace)")
    engine.drain(cause: .drain, spread: drain.spread, grace: max(drain.grace, drain.spread))
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
    journal.close(deadline: configuration.drain.grace)
    return .success
  }

  /// Reads the configuration again and puts it in force; a bad one changes nothing.
  private func reload() {
    tell { manager throws(SystemdError) in try manager.reloading() }
    defer { tell { manager throws(SystemdError) in try manager.ready() } }
    let loaded: LoadedConfiguration
    do throws(ConfigurationErrors) {
      loaded = try source.load(descriptorLimit: descriptorLimit)
    } catch {
      for diagnostic in error.diagnostics { journal.error(diagnostic.description) }
      journal.reportFailure(.reload, "reload failed: the configuration in force is unchanged")
      return
    }
    apply(loaded)
  }

  private func apply(_ loaded: LoadedConfiguration) {
    let new = loaded.configuration
    do throws(SystemCallError) {
      try engine.reload(EngineSettings(new, descriptorLimit: descriptorLimit))
    } catch {
      journal.reportFailure(
        .reload, "reload failed: \(error); the configuration in force is unchanged")
      return
    }
    for advice in loaded.advice { journal.warning(advice.description) }
    journal.report(.reload, ReloadSummary.text(from: configuration, to: new))
    applyLog(new.log)
    configuration = new
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

  private func count() {
    engine.count { [recorder] counters in recorder.journal.notice(CounterText.line(counters)) }
  }
}

/// What the engine reports, handed to the journal in force.
private final class JournalRecorder: ConnectionRecorder {
  private let current: Mutex<CloseJournal>

  init(_ journal: CloseJournal) { current = Mutex(journal) }

  var journal: CloseJournal { current.withLock { $0 } }

  func replace(with journal: CloseJournal) { current.withLock { $0 = journal } }

  func record(_ event: ConnectionEvent) { journal.record(event) }

  func acceptFailed(_ error: SystemCallError) {
    journal.warning(
      "cannot accept connections: \(error); trying again. Raise LimitNOFILE= or lower "
        + "max_connections")
  }
}
