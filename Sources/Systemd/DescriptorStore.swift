// Descriptors that the service manager keeps for the next process of a service (sd_notify(3),
// FDSTORE=1). It passes them on with the inherited sockets, under their names.

import CSystemd
import Glibc

/// The descriptor store of this service.
package struct DescriptorStore: Sendable {
  package init() {}

  /// Puts descriptors into the store, each under a name of its own; whoever calls keeps its copies.
  ///
  /// `FDPOLL=0`: the manager would throw out what is at its end, and a pair that nobody holds is.
  package func keep(_ descriptors: [(name: String, descriptor: Int32)]) throws(SystemdError) {
    for (name, descriptor) in descriptors {
      var descriptor = descriptor
      try SystemdError.check(
        sd_pid_notify_with_fds(
          0, 0, "FDSTORE=1\nFDPOLL=0\nFDNAME=\(name)", &descriptor, 1),
        call: "sd_pid_notify_with_fds")
    }
  }

  /// Takes everything with these names out of the store.
  package func remove(_ names: [String]) throws(SystemdError) {
    for name in names {
      try SystemdError.check(
        sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=\(name)"), call: "sd_notify")
    }
  }

  /// Waits until the manager has acted on all that it was told.
  package func waitUntilHeard(timeout: Duration) throws(SystemdError) {
    let microseconds = UInt64(max(0, timeout.components.seconds)) * 1_000_000
    let result = sd_notify_barrier(0, microseconds)
    try SystemdError.check(result, call: "sd_notify_barrier")
    // Nobody listens.
    if result == 0 { throw SystemdError(call: "sd_notify_barrier", errorNumber: ENOTCONN) }
  }
}
