// What the daemon says to people in words: on a terminal, in the journal, when it cannot start.

import CloseEvents
import Glibc
import RelayConfiguration
import RelayCore
import RelayEngine
import Systemd

/// Standard error, for diagnostics before and beside the journal.
package enum StandardError {
  /// Writes all of a text; a reader that is gone is no reason to fail.
  package static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
      if count < 0 && errno != EINTR { return }
      bytes = bytes.dropFirst(max(0, count))
    }
  }
}

extension StandardError {
  /// Writes lines of an error. Where they lead into the journal, as those of `ExecReload=` do, each
  /// says how grave it is (sd-daemon(3)): otherwise `journalctl -p err` would leave them out.
  package static func writeError(
    _ text: String, intoJournal isJournalStream: Bool = Journal.isConnected()
  ) {
    guard isJournalStream else { return write(text) }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    write(
      lines.map { $0.isEmpty ? "" : "<\(RecordPriority.error.rawValue)>\($0)" }.joined(
        separator: "\n"))
  }
}

/// Why the relay cannot listen, and what to do about it.
enum ListenFailure {
  /// nil: the error is about something else.
  static func explain(_ error: SystemCallError) -> String? {
    switch (error.call, error.errno) {
    case ("bind", EADDRINUSE):
      "cannot listen on \(error.subject): something else already does; `ss -ltnp` shows what"
    case ("bind", EACCES):
      "cannot listen on \(error.subject): permission denied; ports below 1024 need "
        + "CAP_NET_BIND_SERVICE, a Unix socket needs write access to its directory"
    case ("bind", EADDRNOTAVAIL):
      "cannot listen on \(error.subject): no interface of this machine has that address"
    case ("no inherited socket named", _):
      "cannot listen on systemd:\(error.subject): the service manager passed no socket with "
        + "FileDescriptorName=\(error.subject)"
    default: nil
    }
  }
}

/// What `wsrelay serve` says on a terminal: where it listens, its routes, and how to try them.
enum StartBanner {
  static func print(
    _ configuration: Configuration, _ source: ConfigurationSource, workerCount: Int
  ) {
    guard isatty(2) == 1 else { return }
    let origin = source.isBuiltIn ? "built-in defaults" : source.location.path
    var lines = ["wsrelay: running on \(origin), \(workerCount) workers"]
    for listener in configuration.listeners {
      let layer = listener.certificates.isEmpty ? "" : " (TLS)"
      lines.append("  listening on \(listener.address)\(layer)")
    }
    let width = configuration.routes.map { $0.pattern.description.count }.max() ?? 0
    for route in configuration.routes {
      let pattern = route.pattern.description
      let padding = String(repeating: " ", count: width - pattern.count)
      lines.append("  \(pattern)\(padding)  \(route.mode.rawValue)")
    }
    if let example = exampleURL(configuration) {
      lines.append("  try it:  python3 -m websockets \(example)")
      lines.append("       or  new WebSocket(\"\(example)\") in a browser's console")
    }
    lines.append("  stop with Ctrl-C; close events follow")
    StandardError.write(lines.joined(separator: "\n") + "\n")
  }

  private static func exampleURL(_ configuration: Configuration) -> String? {
    guard let route = configuration.routes.first else { return nil }
    let path = route.pattern.segments.map { segment in
      switch segment {
      case .literal(let text): "/\(text)"
      case .parameter(let name): "/my-\(name)"
      case .rest: "/anything"
      }
    }.joined()
    for listener in configuration.listeners {
      if case .tcp(let host, let port) = listener.address {
        let name = host == "*" ? "localhost" : host.contains(":") ? "[\(host)]" : host
        let scheme = listener.certificates.isEmpty ? "ws" : "wss"
        return "\(scheme)://\(name):\(port)\(path)"
      }
    }
    return nil
  }
}

/// The counters in one line, causes in the order of their names.
enum CounterText {
  static func line(_ counters: ShardCounters) -> String {
    let causes = counters.closedCounts.dictionary.sorted { $0.key.slug < $1.key.slug }
      .map { "\($0.key.slug) \($0.value)" }.joined(separator: ", ")
    return "counters: \(counters.liveCount) connections, \(counters.acceptedCount) accepted, "
      + "\(counters.openedCount) opened, \(counters.refusedCount) refused, "
      + "\(counters.closedCount) closed\(causes.isEmpty ? "" : " (\(causes))"), "
      + "rx \(counters.receivedMessageCount) tx \(counters.sentMessageCount) "
      + "dropped \(counters.droppedMessageCount)"
  }
}
