// A report from beginning to end: entries are read, and what was asked for is written.

import CloseEvents
import Glibc
import Systemd

/// What an operator wants to know, and how it is to be shown.
package struct CloseReport: Sendable {
  /// Which entries.
  package var query: CloseQuery
  /// Where they are.
  package var input: CloseInput
  /// The calendar for times.
  package var clock: WallClock
  /// What the terminal can show.
  package var terminal: Terminal
  /// The ping interval in microseconds, where the configuration is known.
  package var pingInterval: UInt64?
  /// What has to be said beside the report.
  package private(set) var remarks: [String] = []
  /// Not even the first byte of the input was what it should be: it is something else.
  package private(set) var isForeign = false

  package init(
    _ query: CloseQuery, of input: CloseInput, clock: WallClock = .local,
    terminal: Terminal = .standardOutput
  ) {
    self.query = query
    self.input = input
    self.clock = clock
    self.terminal = terminal
  }

  /// Counts the closes.
  package mutating func tally(by grouping: CloseGrouping) throws(SystemdError) -> CloseTally {
    var tally = CloseTally(by: grouping, span: query.span, clock: clock)
    var progress = ReadingProgress(clock: clock, isShown: isatty(STDERR_FILENO) == 1)
    let damage = try input.forEach(query, wanted: CloseEntry.fieldsOfSummary) { kind, fields in
      progress.advance(to: fields.time)
      switch kind {
      case .close: tally.add(CloseEntry(fields))
      case .gap: tally.add(LossEntry(fields))
      }
      return true
    }
    progress.end()
    remark(on: damage)
    return tally
  }

  /// The text of a tally: the table, or why there is none.
  package func text(of tally: CloseTally) -> String {
    guard tally.count > 0 else { return emptyText(tally) }
    return CloseTable(tally, pingInterval: pingInterval, style: terminal.bars).text
  }

  /// Writes one JSON object for each entry; returns how many there were.
  package mutating func writeJSON(to output: inout ReportOutput) throws(SystemdError) -> UInt64 {
    var count: UInt64 = 0
    let damage = try input.forEach(query, wanted: CloseJSON.fields) { _, fields in
      count += 1
      CloseJSON.append(fields, to: &output.bytes)
      return output.flushIfFull()
    }
    output.flush()
    remark(on: damage)
    return count
  }

  private mutating func remark(on damage: DamagedPlace?) {
    switch damage {
    case nil: break
    case .entriesAfter(0):
      remarks.append("\(input.name): damaged at its beginning; `journalctl --verify` tells where")
    case .entriesAfter(let time):
      remarks.append(
        "\(input.name): a file is damaged after \(clock.text(time)), and what it has behind that "
          + "is missing here; `journalctl --verify` tells which")
    case .byte(let place, let problem, let count):
      isForeign = place == 0
      let others = count > 1 ? " (and \(count - 1) more)" : ""
      remarks.append("\(input.name): byte \(place): \(problem)\(others); left out")
    }
  }

  private func emptyText(_ tally: CloseTally) -> String {
    var place = "in \(input.name)"
    if let route = query.route { place += " for route \(ShownText.of(route))" }
    var text = "No closes \(place)"
    let (since, until) = (query.span.since, query.span.until)
    if let since { text += " " + CloseTable.span((since, until ?? WallClock.now), clock) }
    text += ".\n"
    if let losses = CloseTable.losses(of: tally) { text += losses + "\n" }
    if case .local = input {
      text +=
        "`--since -1d` looks further back; `journalctl -t wsrelay -n 5` shows whether wsrelay "
        + "writes to\nthe journal at all.\n"
    }
    return text
  }
}
