// How a thread beside the workers comes into being: with signals blocked, so that they go to the
// threads that expect them and SIGPIPE cannot end the process, and with a name for `top -H`.

import CSystemd
import Glibc

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// A thread of the daemon that is no worker.
package struct NamedThread: Sendable {
  private let thread: pthread_t

  /// Starts a thread that runs `body` with signals blocked, except those of its own faults.
  package init(
    named name: String, _ body: @escaping @Sendable () -> Void
  ) throws(SystemdError) {
    precondition(name.utf8.count < 16, "the kernel keeps 15 bytes of a thread's name")
    var signals = sigset_t()
    var earlier = sigset_t()
    sigfillset(&signals)
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP] { sigdelset(&signals, fault) }
    // A thread inherits its creator's mask: blocked before it exists, no signal slips in.
    pthread_sigmask(SIG_BLOCK, &signals, &earlier)
    defer { pthread_sigmask(SIG_SETMASK, &earlier, nil) }
    let box = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, box.toOpaque())
    guard result == 0 else {
      box.release()
      throw SystemdError(call: "pthread_create", errorNumber: result)
    }
    pthread_setname_np(thread, name)
    self.thread = thread
  }

  /// Waits until the thread has ended; once.
  package func join() { pthread_join(thread, nil) }

  /// Leaves the thread to itself; it is not joined then.
  package func detach() { pthread_detach(thread) }
}
