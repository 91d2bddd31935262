// How the process ends: the codes of sysexits(3) that operators and systemd units rely on.

import Glibc
import RelayEngine

/// The exit codes of `wsrelay`.
package enum ExitCode: Int32, Sendable {
  case success = 0
  /// The command line is wrong.
  case usage = 64
  /// A file to be read is missing, or is not what it should be.
  case noInput = 66
  /// A listener cannot be bound.
  case unavailable = 69
  /// The system refused something else.
  case systemError = 71
  /// The process lacks a permission.
  case noPermission = 77
  /// The configuration is wrong.
  case configuration = 78

  /// The code for a system call that failed while starting.
  init(_ error: SystemCallError) {
    switch error.errno {
    case EACCES, EPERM: self = .noPermission
    case EADDRINUSE, EADDRNOTAVAIL, ENOENT, EAFNOSUPPORT, ENAMETOOLONG, EINVAL:
      self = .unavailable
    default: self = .systemError
    }
  }
}
