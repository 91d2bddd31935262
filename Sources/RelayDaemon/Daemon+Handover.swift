// Ends that are no ends: the service restarts, or becomes another program, and its connections stay
// (docs/decisions/0010-handover.md). Where anything is in the way, the relay goes on: a restart
// then is a drain with 1012, and a change of programs does not happen.

import Glibc
import RelayConfiguration
import RelayCore
import RelayEngine
import Systemd

extension Daemon {
  /// How long the service manager has to confirm what it was told. Nobody is served meanwhile, but
  /// to give up means to close everything: a manager that is busy is waited for.
  private static let managerTimeout = Duration.seconds(5)

  /// Leaves all connections with the service manager for the next process; false: they are still
  /// here.
  func leaveToServiceManager(withListeners: Bool) -> Bool {
    guard configurationIsGood() else { return false }
    do throws(SystemCallError) {
      departThoseWhoCannotMove()
      let connectionCount = engine.openConnectionCount
      feedWatchdog()
      let parcel = try engine.handOver(program: Version.current, withListeners: withListeners)
      feedWatchdog()
      guard isStored(parcel) else {
        engine.resume()
        return false
      }
      engine.leave()
      engine.join()
      journal.report(.leaving(connectionCount: connectionCount))
      return true
    } catch {
      engine.resume()
      journal.error("cannot keep the connections over the restart: \(error)")
      return false
    }
  }

  /// Closes the connections behind TLS as a stop would, while the others are served.
  private func departThoseWhoCannotMove() {
    let times = configuration.drain
    let end = ContinuousClock.now + max(times.grace, times.spread)
    engine.depart(spread: times.spread) {
      supervise()
      return ContinuousClock.now >= end
    }
  }

  /// Each step may take as long as the manager goes without a sign of life.
  private func feedWatchdog() { tell { manager throws(SystemdError) in try manager.watchdog() } }

  /// Puts a parcel into the manager's store.
  private func isStored(_ parcel: HandoverParcel) -> Bool {
    let store = DescriptorStore()
    let parts = HandoverPlace.names(of: parcel)
    do throws(SystemdError) {
      try store.keep(parts)
      try store.waitUntilHeard(timeout: Self.managerTimeout)
      return true
    } catch {
      journal.error("cannot keep the connections over the restart: \(error)")
    }
    // What it has of them must not come to the next process: they are still served here.
    tell { _ throws(SystemdError) in try store.remove(parts.map(\.name)) }
    return false
  }

  /// A process that cannot read its configuration would not start, and everything would be lost.
  private func configurationIsGood() -> Bool {
    do throws(ConfigurationErrors) {
      _ = try ServerCertificates(source.load(descriptorLimit: descriptorLimit), for: .serving)
      return true
    } catch {
      for diagnostic in error.diagnostics { journal.error(diagnostic.description) }
      journal.error("the connections are not handed over: the configuration is wrong")
      return false
    }
  }

  // MARK: - USR2

  /// Becomes the program that is now where this one was started from, with all connections; returns
  /// only if that did not work, and then nothing has changed.
  func becomeNewProgram() {
    guard access(program, X_OK) == 0 else {
      journal.error("cannot start \(program): \(String(cString: strerror(errno)))")
      return
    }
    guard configurationIsGood() else { return }
    do throws(SystemCallError) {
      departThoseWhoCannotMove()
      let connectionCount = engine.openConnectionCount
      let parcel = try engine.handOver(program: Version.current)
      journal.report(.leaving(connectionCount: connectionCount))
      journal.close(deadline: .seconds(1))
      HandoverPlace.leave(parcel)
      let error = execute(program)
      HandoverPlace.takeBack(parcel)
      engine.resume()
      reopenJournal()
      journal.error("cannot start \(program): \(String(cString: strerror(error)))")
    } catch {
      engine.resume()
      journal.error("cannot hand over the connections: \(error)")
    }
  }

  /// Replaces this program with another, with the same arguments; returns the error number.
  private func execute(_ program: String) -> Int32 {
    var arguments = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    execv(program, arguments)
    let error = errno
    for argument in arguments { free(argument) }
    return error
  }

  private func reopenJournal() {
    do throws(SystemdError) {
      let new = try CloseJournal(log: configuration.log)
      recorder.replace(with: new)
      journal = new
    } catch {
      StandardError.writeError("wsrelay: error: no more records: \(error)\n")
    }
  }
}

/// Where the program of this process was started from: later the link would say that it is deleted.
enum ProgramPath {
  static func current() -> String {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink("/proc/self/exe", &bytes, Int(PATH_MAX))
    return count > 0
      ? String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
  }
}
