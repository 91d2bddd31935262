// How a refused call into libsystemd or the kernel is reported: which call, and the error number.
// This module never logs; whoever called decides what an error is worth.

import CSystemd

/// A call into libsystemd or the kernel that failed.
package struct SystemdError: Error, Hashable, Sendable {
  /// The function that refused, such as `sd_journal_sendv`.
  package let call: String
  /// The positive error number, as `errno(3)` lists them.
  package let errorNumber: Int32

  package init(call: String, errorNumber: Int32) {
    self.call = call
    self.errorNumber = errorNumber
  }

  /// Turns libsystemd's convention, a negative error number, into an error.
  @discardableResult
  static func check(_ result: Int32, call: String) throws(SystemdError) -> Int32 {
    guard result < 0 else { return result }
    throw SystemdError(call: call, errorNumber: -result)
  }
}

extension SystemdError: CustomStringConvertible {
  /// The call and the name of the error: `sd_notify: ECONNREFUSED`.
  package var description: String {
    "\(call): \(ErrorNumber.name(of: errorNumber) ?? "error \(errorNumber)")"
  }
}

/// The symbolic names of error numbers.
package enum ErrorNumber {
  /// The symbol of an error number, such as `ECONNRESET`; nil for a number nobody knows.
  package static func name(of number: Int32) -> String? {
    guard number != 0, let name = strerrorname_np(number) else { return nil }
    return String(cString: name)
  }
}
