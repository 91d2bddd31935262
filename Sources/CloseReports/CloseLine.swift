// One close as one line, as it is followed: `10:04:31 closed 1006 peer-reset /chat/lobby …`.

import CloseEvents

/// Renders single closes.
package struct CloseLine: Sendable {
  private let clock: WallClock
  private let isColored: Bool

  /// Lines with times of this clock; `isColored` for a terminal.
  package init(clock: WallClock, isColored: Bool) {
    self.clock = clock
    self.isColored = isColored
  }

  /// The line of a close, with its line break.
  package func text(_ entry: CloseEntry) -> String {
    var line = entry.message.isEmpty ? Self.sentence(entry) : entry.message
    if !entry.detail.isEmpty { line += " (\(entry.detail))" }
    let (start, end) = colors(of: entry)
    return "\(clock.clock(entry.time)) \(start)\(line)\(end)\n"
  }

  /// The line of lost records, with its line break.
  package func text(_ loss: LossEntry, at time: UInt64) -> String {
    let list = loss.byKind.map { "\($0.kind) \($0.count)" }.joined(separator: ", ")
    return "\(clock.clock(time)) lost \(loss.count) records\(list.isEmpty ? "" : ": \(list)")\n"
  }

  /// What wsrelay would have written as the message.
  private static func sentence(_ entry: CloseEntry) -> String {
    let place = [entry.channel, entry.path, entry.route].first { !$0.isEmpty } ?? "-"
    let isBracketed = entry.peer.contains(":") && entry.peerPort != nil
    let host = isBracketed ? "[\(entry.peer)]" : entry.peer.isEmpty ? "-" : entry.peer
    var line = "closed \(entry.closeCode.map { String($0) } ?? "-") "
    line += "\(entry.cause.isEmpty ? "-" : entry.cause) \(place) \(host)"
    if let port = entry.peerPort { line += ":\(port)" }
    if let lifetime = entry.lifetime { line += " after \(ElapsedText.of(microseconds: lifetime))" }
    if let idle = entry.idle { line += ", idle \(ElapsedText.of(microseconds: idle))" }
    if let received = entry.receivedMessageCount { line += ", rx \(received)" }
    if let sent = entry.sentMessageCount { line += " tx \(sent)" }
    return line
  }

  /// Red for what wsrelay itself is in trouble about, yellow for a warning, bold for what was not
  /// clean: as journalctl has it.
  private func colors(of entry: CloseEntry) -> (String, String) {
    guard isColored else { return ("", "") }
    let reset = "\u{1B}[0m"
    return switch entry.priority {
    case .some(...3): ("\u{1B}[31m", reset)
    case 4: ("\u{1B}[33m", reset)
    default: entry.isClean == false ? ("\u{1B}[1m", reset) : ("", "")
    }
  }
}
