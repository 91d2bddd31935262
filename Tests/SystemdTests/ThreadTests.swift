// Waking a thread, and how a thread beside the workers starts.

import Glibc
import Synchronization
import Testing

@testable import Systemd

@Suite("Threads and their waking")
struct ThreadTests {
  @Test("A raised flag is seen once")
  func raise() throws {
    let wakeup = try Wakeup()
    var seen = [wakeup.wait(timeout: .zero)]
    wakeup.raise()
    wakeup.raise()
    seen.append(wakeup.wait())
    seen.append(wakeup.wait(timeout: .zero))
    #expect(seen == [false, true, false])
  }

  @Test("A thread has its name, and signals are not for it")
  func thread() throws {
    final class Seen: Sendable {
      let blocked = Mutex<[Int32]>([])
    }
    let before = Self.blockedSignals
    let seen = Seen()
    let thread = try NamedThread(named: "wsrelay-test") {
      let blocked = Self.blockedSignals.filter { [SIGPIPE, SIGTERM, SIGSEGV].contains($0) }
      seen.blocked.withLock { $0 = blocked }
    }
    thread.join()
    let blocked = seen.blocked.withLock { $0 }
    #expect(blocked == [SIGPIPE, SIGTERM], "of SIGPIPE, SIGTERM and SIGSEGV")
    #expect(Self.blockedSignals == before, "starting a thread left the creator's mask changed")
  }

  private static var blockedSignals: [Int32] {
    var mask = sigset_t()
    pthread_sigmask(SIG_BLOCK, nil, &mask)
    return (1..<32).filter { sigismember(&mask, $0) == 1 }
  }
}
