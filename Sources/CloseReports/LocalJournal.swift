// Whether the journal of this machine can be read by whoever asks. libsystemd leaves out what it
// may not open and says nothing; an empty answer would then be a wrong one.

import Glibc

/// The journal files of this machine, as far as permissions go.
package enum LocalJournal {
  /// What stands in the way of reading the system's journal.
  package enum Obstacle: Sendable, Equatable {
    /// There are files that this user may not read.
    case noPermission
    /// There is no journal.
    case noJournal
  }

  /// What to say of an obstacle, and what to do about it.
  package static func explain(_ obstacle: Obstacle) -> String {
    switch obstacle {
    case .noPermission:
      "the system's journal is not readable for this user: use sudo, or join the group "
        + "systemd-journal (or adm)"
    case .noJournal:
      "this machine has no journal in /var/log/journal or /run/log/journal; without one, wsrelay "
        + "writes to standard error"
    }
  }

  /// What stands in the way; nil if nothing does.
  package static func obstacle(
    in roots: [String] = ["/var/log/journal", "/run/log/journal"]
  ) -> Obstacle? {
    var hasFiles = false
    for root in roots {
      guard let machines = names(in: root) else {
        if errno == EACCES { return .noPermission }
        continue
      }
      for machine in machines {
        guard let files = names(in: "\(root)/\(machine)") else {
          if errno == EACCES { return .noPermission }
          continue
        }
        for file in files where file.hasPrefix("system") && file.hasSuffix(".journal") {
          hasFiles = true
          if access("\(root)/\(machine)/\(file)", R_OK) != 0 { return .noPermission }
        }
      }
    }
    return hasFiles ? nil : .noJournal
  }

  /// The names in a directory; nil, with the reason in `errno`, if it cannot be read.
  static func names(in directory: String) -> [String]? {
    guard let stream = opendir(directory) else { return nil }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
