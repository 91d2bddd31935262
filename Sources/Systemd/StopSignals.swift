// The signals that end a command which waits, as a descriptor: it is polled beside what the command
// waits for, and no handler ever runs.

import CSystemd
import Glibc

/// INT and TERM, held back from their arrival on and readable from a descriptor.
package struct StopSignals: ~Copyable {
  /// Becomes readable when the first of them arrives; owned by this value.
  package let descriptor: Int32

  /// Holds the signals back; on the main thread, before any other exists.
  package init() throws(SystemdError) {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    guard descriptor >= 0 else { throw SystemdError(call: "signalfd", errorNumber: errno) }
  }

  deinit { close(descriptor) }
}
