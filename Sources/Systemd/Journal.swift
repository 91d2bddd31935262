// The way into the journal: one entry, one call.
//
// `sd_journal_sendv` blocks while journald does not read its socket, and reports success when there
// is no journald at all. So `send` belongs on a thread that may wait, and it looks at the socket
// before and after every entry: an entry that nobody can have received is an error here.

import CSystemd
import Glibc

/// systemd-journald, as a process that writes to it sees it.
package enum Journal {
  /// Where journald receives entries.
  package static let socketPath = "/run/systemd/journal/socket"

  /// Whether there is a journald to send to: its socket exists and is a socket.
  package static var isAvailable: Bool { SocketIdentity(path: socketPath) != nil }

  /// Which socket stands at a path: a journald that makes its own anew makes another one.
  struct SocketIdentity: Equatable {
    private let device: dev_t
    private let inode: ino_t

    /// nil: there is no socket.
    init?(path: String) {
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
      device = status.st_dev
      inode = status.st_ino
    }
  }

  /// Whether a descriptor is the stream that the service manager connected to the journal.
  ///
  /// `JOURNAL_STREAM` alone proves nothing, since a child with its output redirected inherits the
  /// variable; its device and inode have to be those of the descriptor (systemd.exec(5)).
  package static func isConnected(
    toStandardError descriptor: Int32 = STDERR_FILENO,
    stream: String? = getenv("JOURNAL_STREAM").map { String(cString: $0) }
  ) -> Bool {
    guard let parts = stream?.split(separator: ":", omittingEmptySubsequences: false),
      parts.count == 2, let device = dev_t(parts[0]), let inode = ino_t(parts[1])
    else { return false }
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_dev == device && status.st_ino == inode
  }

  /// Sends one entry and waits until journald's socket has taken it.
  ///
  /// `bytes` holds the fields as `NAME=value`, and `fields` says where each one is. Throws `ENOENT`
  /// where there is no journald, `ECONNREFUSED` where nobody reads its socket.
  package static func send(
    _ bytes: UnsafeRawBufferPointer, fields: [Range<Int>]
  ) throws(SystemdError) {
    precondition(fields.allSatisfy { $0.upperBound <= bytes.count }, "a field ends past the entry")
    let call = "sd_journal_sendv"
    guard let socket = SocketIdentity(path: socketPath) else {
      throw SystemdError(call: call, errorNumber: ENOENT)
    }
    guard let start = bytes.baseAddress else {
      throw SystemdError(call: call, errorNumber: EINVAL)
    }
    let result = withUnsafeTemporaryAllocation(of: iovec.self, capacity: fields.count) { vectors in
      for (index, field) in fields.enumerated() {
        let base = UnsafeMutableRawPointer(mutating: start + field.lowerBound)
        vectors.initializeElement(at: index, to: iovec(iov_base: base, iov_len: field.count))
      }
      return sd_journal_sendv(vectors.baseAddress, Int32(fields.count))
    }
    try SystemdError.check(result, call: call)
    // Success, too, is what a socket that has just vanished looks like. Where it is still the same
    // one, it was there all the time. Where it is not, whoever tries again may send an entry twice,
    // which a reader can tell by its connection; one that was lost nobody could.
    guard SocketIdentity(path: socketPath) == socket else {
      throw SystemdError(call: call, errorNumber: ENOENT)
    }
  }
}
