// What the service manager and this process say to each other through the environment. Each test
// that needs variables is a process of its own, since they belong to all threads.

import Glibc
import Testing

@testable import Systemd

@Suite("Service manager")
struct ServiceManagerTests {
  @Test("Every message reaches the manager as it expects it")
  func messages() async {
    await #expect(processExitsWith: .success) {
      let path = "/tmp/wsrelay-notify-test-\(getpid())"
      defer { unlink(path) }
      let manager = try UnixDatagramSocket(path: path)
      setenv("NOTIFY_SOCKET", path, 1)
      let notifier = ServiceNotifier()
      let isSent = try notifier.ready(status: "serving")
      #expect(isSent)
      #expect(manager.receive() == "READY=1\nSTATUS=serving")
      try notifier.ready()
      #expect(manager.receive() == "READY=1")
      try notifier.stopping(status: "draining 12")
      #expect(manager.receive() == "STOPPING=1\nSTATUS=draining 12")
      try notifier.watchdog()
      #expect(manager.receive() == "WATCHDOG=1")
      try notifier.status("a\nSTOPPING=1")
      #expect(manager.receive() == "STATUS=a STOPPING=1")
      try notifier.reloading()
      let lines = try #require(manager.receive()).split(separator: "\n")
      #expect(lines.first == "RELOADING=1")
      let stamp = try #require(lines.last?.split(separator: "=").last.flatMap { UInt64($0) })
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      #expect(stamp > 0 && stamp / 1_000_000 <= UInt64(now.tv_sec))
    }
  }

  @Test("Without a manager every message is a no-op; a dead manager is an error")
  func noManager() async {
    await #expect(processExitsWith: .success) {
      unsetenv("NOTIFY_SOCKET")
      let notifier = ServiceNotifier()
      let sent = [
        try notifier.ready(), try notifier.stopping(), try notifier.reloading(),
        try notifier.status("x"), try notifier.watchdog(),
      ]
      #expect(sent == [false, false, false, false, false])
      setenv("NOTIFY_SOCKET", "/tmp/wsrelay-no-such-socket", 1)
      #expect(throws: SystemdError(call: "sd_notify", errorNumber: ENOENT)) {
        try notifier.ready()
      }
    }
  }

  @Test("The watchdog's interval comes from the environment of this very process")
  func watchdog() async {
    await #expect(processExitsWith: .success) {
      unsetenv("WATCHDOG_USEC")
      unsetenv("WATCHDOG_PID")
      let none = try Watchdog.fromEnvironment()
      setenv("WATCHDOG_USEC", "30000000", 1)
      let ours = try Watchdog.fromEnvironment()
      setenv("WATCHDOG_PID", "1", 1)
      let foreign = try Watchdog.fromEnvironment()
      #expect(none == nil)
      #expect(ours?.interval == .seconds(30))
      #expect(ours?.feedInterval == .seconds(15))
      #expect(foreign == nil)
      setenv("WATCHDOG_PID", "\(getpid())", 1)
      setenv("WATCHDOG_USEC", "soon", 1)
      #expect(throws: SystemdError.self) { try Watchdog.fromEnvironment() }
    }
  }
}
