// How many descriptors this process may have, and so how many connections.

import Glibc

/// The limit on open files (`LimitNOFILE=`, `ulimit -n`).
package enum DescriptorLimit {
  /// Descriptors that are not for connections: listeners, epoll, mailboxes, the journal, and some
  /// to say no with. Of very few, a quarter.
  private static func reserve(of descriptorCount: Int) -> Int { min(64, descriptorCount / 4) }

  /// Raises the limit as far as this process may, and returns it.
  package static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = limit.rlim_max
      if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
    }
    return Int(clamping: limit.rlim_cur)
  }

  /// Makes the table of descriptors large enough for so many connections, while there is one
  /// thread: with several the kernel waits at each doubling until none of them looks at the old
  /// table, ten milliseconds and more for whoever accepts a connection. Half a megabyte is as much
  /// as that is worth; beyond, the table grows as it is needed.
  package static func makeRoom(for connectionCount: Int) {
    let last = Int32(min(connectionCount, 65_536) + reserve(of: connectionCount) - 1)
    // Fails above the limit, and then there is nothing to be gained.
    let descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, last)
    if descriptor >= 0 { close(descriptor) }
  }

  /// The connections that so many descriptors allow.
  package static func connectionCount(of descriptorCount: Int) -> Int {
    max(1, descriptorCount - reserve(of: descriptorCount))
  }
}
