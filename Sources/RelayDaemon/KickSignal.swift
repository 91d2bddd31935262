// The one request that needs more than a signal's number: which connection is to end. It travels as
// the value that sigqueue(3) sends with a real-time signal, so that who may ask is the kernel's to
// say, and nothing has to listen for it.

import Glibc

/// How `wsrelay kick` asks a running relay to close a connection.
package enum KickSignal {
  /// RTMIN+5, as kill(1) counts.
  static let number: Int32 = 39

  /// Why the relay was not asked.
  package struct Failure: Error {
    /// As sigqueue(3) gives it: ESRCH, EPERM, EAGAIN.
    package let errno: Int32
  }

  /// Asks the relay with that process id.
  package static func send(_ connectionID: UInt64, to process: pid_t) throws(Failure) {
    let value = sigval(sival_ptr: UnsafeMutableRawPointer(bitPattern: UInt(connectionID)))
    if sigqueue(process, number, value) != 0 { throw Failure(errno: errno) }
  }

  /// What a signal that was taken asks for.
  static func connectionID(_ information: siginfo_t) -> UInt64 {
    UInt64(UInt(bitPattern: information._sifields._rt.si_sigval.sival_ptr))
  }
}
