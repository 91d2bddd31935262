// The system refused: which call, why, and on what.

import Glibc

/// A failed system call.
package struct SystemCallError: Error, Equatable, Sendable {
  /// The name of the call, such as `bind`.
  package var call: String
  package var errno: Int32
  /// What it was done to, such as an address.
  package var subject: String

  package init(_ call: String, errno: Int32, subject: String) {
    self.call = call
    self.errno = errno
    self.subject = subject
  }
}

extension SystemCallError: CustomStringConvertible {
  /// The error in words, such as `bind 127.0.0.1:80: Permission denied`.
  package var description: String { "\(call) \(subject): \(String(cString: strerror(errno)))" }
}
