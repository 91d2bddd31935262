// Ends that are no ends: the service restarts, or becomes another program, and its connections stay
// (docs/decisions/0008-handover.md). Where anything is in the way, the relay goes on: a restart
// then is a drain with 1012, and a change of programs does not happen.

import Glibc
import RelayConfiguration
import RelayCore
import RelayEngine
import Systemd

extension Daemon {
  /// How long the service manager has to answer a question.
  private static let managerTimeout = Duration.seconds(2)

  /// What a TERM is meant to do.
  enum StopIntent {
    /// The service goes, and its connections with it.
    case stop
    /// Another process follows: it is a restart, of which the service manager knows.
    case restart
  }

  /// Asks the service manager why there is a TERM. Without an answer it is a stop: connections that
  /// are kept for nobody would end without a word.
  func stopIntent() -> StopIntent {
    guard notifier.isListenedTo else { return .stop }
    do throws(SystemdError) {
      let unit = try ServiceUnit(timeout: Self.managerTimeout)
      return try unit.jobType() == "restart" ? .restart : .stop
    } catch {
      journal.notice("cannot tell a restart from a stop: \(error)")
      return .stop
    }
  }

  /// Leaves all connections with the service manager for the next process; false: they are still
  /// here.
  func leaveToServiceManager() -> Bool {
    guard configurationIsGood() else { return false }
    do throws(SystemCallError) {
      let connectionCount = engine.openConnectionCount
      let parcel = try engine.handOver(program: Version.current)
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

  /// Puts a parcel into the manager's store, and makes sure that it is there: a unit without
  /// `FileDescriptorStoreMax=` has no store, and its manager throws away what it is given.
  private func isStored(_ parcel: HandoverParcel) -> Bool {
    let store = DescriptorStore()
    let parts = HandoverPlace.names(of: parcel)
    do throws(SystemdError) {
      try store.keep(parts)
      try store.waitUntilHeard(timeout: Self.managerTimeout)
      let unit = try ServiceUnit(timeout: Self.managerTimeout)
      if try unit.storedDescriptorCount() >= parts.count { return true }
      journal.error(
        "cannot keep the connections over the restart: the service manager keeps no descriptors; "
          + "the unit needs FileDescriptorStoreMax=\(parts.count) or more")
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
      _ = try source.load(descriptorLimit: descriptorLimit)
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
