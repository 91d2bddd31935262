// What the daemon tells the service manager about itself (sd_notify(3)). Without NOTIFY_SOCKET,
// that is outside a service, every message is a no-op and says so by returning false.

import CSystemd
import Glibc

/// The line to the service manager that started this process.
package struct ServiceNotifier: Sendable {
  package init() {}

  /// Start-up is done, or a reload is; true if the message went to a service manager.
  @discardableResult
  package func ready(status: String? = nil) throws(SystemdError) -> Bool {
    try send("READY=1", status: status)
  }

  /// The daemon begins to stop; true if the message went to a service manager.
  @discardableResult
  package func stopping(status: String? = nil) throws(SystemdError) -> Bool {
    try send("STOPPING=1", status: status)
  }

  /// A reload begins; `ready` ends it. True if the message went to a service manager.
  ///
  /// The time stamp lets the manager tell this reload from an earlier one (`Type=notify-reload`).
  @discardableResult
  package func reloading(status: String? = nil) throws(SystemdError) -> Bool {
    try send("RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds)", status: status)
  }

  /// One line for `systemctl status`; true if the message went to a service manager.
  @discardableResult
  package func status(_ text: String) throws(SystemdError) -> Bool {
    try send("STATUS=\(Self.line(text))", status: nil)
  }

  /// Whether a service manager started this process and listens to what it says.
  package var isListenedTo: Bool { getenv("NOTIFY_SOCKET") != nil }

  /// Asks for more time to stop than the unit gives; true if the message went to a service manager.
  @discardableResult
  package func extendTimeout(by time: Duration) throws(SystemdError) -> Bool {
    let microseconds = time.components.seconds * 1_000_000
    return try send("EXTEND_TIMEOUT_USEC=\(max(0, microseconds))", status: nil)
  }

  /// A sign of life for the watchdog; true if the message went to a service manager.
  @discardableResult
  package func watchdog() throws(SystemdError) -> Bool {
    try send("WATCHDOG=1", status: nil)
  }

  private func send(_ state: String, status: String?) throws(SystemdError) -> Bool {
    let message = status.map { "\(state)\nSTATUS=\(Self.line($0))" } ?? state
    return try SystemdError.check(sd_notify(0, message), call: "sd_notify") > 0
  }

  /// The protocol is lines of assignments: a line break in a status would begin another assignment.
  private static func line(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: text.unicodeScalars.lazy.map { $0.value < 0x20 ? " " : $0 })
    return String(scalars)
  }

  private static var monotonicMicroseconds: UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
  }
}
