// `wsrelay kick`: ends one connection of a relay that runs.

import Getopt
import Glibc
import RelayDaemon

struct Kick: Command {
  static let name = "kick"
  static let options = [pid]
  static let maximumOperandCount = 1
  static let help = """
    Usage: wsrelay kick [--pid PID] CONNECTION

    Close a connection with 1008. CONNECTION is the WSRELAY_CONNECTION_ID in its journal entry;
    with `level = "debug"` in [log] there is one as soon as it is open.

    Options:
      --pid PID  The process of the relay. Default: the main process of wsrelay.service.

    """

  private static let pid = Option.value("pid", "PID")

  private let connectionID: UInt64
  private let process: pid_t?

  init(_ arguments: ParsedArguments) throws(UsageError) {
    guard let text = arguments.operands.first else {
      throw UsageError("which connection? Its WSRELAY_CONNECTION_ID is in the journal")
    }
    guard text.utf8.count == 16, text.allSatisfy(\.isHexDigit), let number = UInt64(text, radix: 16)
    else {
      throw UsageError(
        "\(text.debugDescription) is no WSRELAY_CONNECTION_ID: those have 16 digits, 0 to f")
    }
    connectionID = number
    process = try arguments.value(of: Self.pid).map { text throws(UsageError) in
      guard let number = pid_t(text), number > 1 else {
        throw UsageError("--pid: \(text.debugDescription) is no process id")
      }
      return number
    }
  }

  func run() -> Int32 {
    guard let process = process ?? Self.mainProcessOfService() else {
      StandardError.write(
        "wsrelay: wsrelay.service does not run here; --pid says which process to ask\n")
      return ExitCode.unavailable.rawValue
    }
    do throws(KickSignal.Failure) {
      try KickSignal.send(connectionID, to: process)
    } catch {
      let reason = String(cString: strerror(error.errno))
      StandardError.write("wsrelay: cannot ask process \(process): \(reason)\n")
      return (error.errno == EPERM ? ExitCode.noPermission : .unavailable).rawValue
    }
    print("asked process \(process); the journal has what became of it")
    return ExitCode.success.rawValue
  }

  /// As systemd knows it; nil: there is none, or no systemd.
  private static func mainProcessOfService() -> pid_t? {
    let command = "systemctl show --property=MainPID --value wsrelay.service 2>/dev/null"
    guard let output = popen(command, "r") else { return nil }
    defer { pclose(output) }
    var line = [CChar](repeating: 0, count: 32)
    guard fgets(&line, Int32(line.count), output) != nil else { return nil }
    let number = pid_t(atoi(line))
    return number > 1 ? number : nil
  }
}
