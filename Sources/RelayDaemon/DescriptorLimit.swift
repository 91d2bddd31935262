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

  /// The connections that so many descriptors allow.
  package static func connectionCount(of descriptorCount: Int) -> Int {
    max(1, descriptorCount - reserve(of: descriptorCount))
  }
}
