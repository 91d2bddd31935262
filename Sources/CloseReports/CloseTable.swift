// The summary as an operator reads it: a head line, the table, the hints, what is missing. Plain
// text of at most 100 columns, without trailing blanks, the same for the same tally.

import CloseEvents

/// Renders a tally.
package struct CloseTable: Sendable {
  /// How wide a line gets at most.
  static let width = 100
  /// How many rows there are at most; the others become one.
  static let maximumRowCount = 20
  /// The text of a row's name; an IPv6 address fits.
  private static let maximumNameWidth = 40
  private static let listWidth = 19
  /// Those that a timeline divides into evenly.
  private static let sparklineWidths = [24, 20, 16, 12, 10, 8]

  private let tally: CloseTally
  private let hints: [String]
  private let style: Sparkline.Style

  /// Renders this tally, with hints that are drawn from it.
  package init(_ tally: CloseTally, pingInterval: UInt64? = nil, style: Sparkline.Style) {
    self.tally = tally
    hints = Hints(tally, pingInterval: pingInterval).sentences
    self.style = style
  }

  /// The whole text; it ends with a line break.
  package var text: String {
    var lines = [headLine, ""]
    lines += tableLines
    if !hints.isEmpty {
      lines.append("")
      for hint in hints { lines += WrappedText.lines(hint, width: Self.width, first: "* ") }
    }
    if let losses = Self.losses(of: tally) {
      lines.append("")
      lines += WrappedText.lines(losses, width: Self.width)
    }
    return lines.map { Self.withoutTrailingBlanks($0) + "\n" }.joined()
  }

  /// `1234 closes from 2026-11-24 09:00:00 to 10:00:00: 1000 clean, 234 abnormal (19.0 %)`.
  private var headLine: String {
    let abnormal = tally.count - tally.cleanCount
    let share = Self.percent(abnormal, of: tally.count)
    return "\(tally.count) \(tally.count == 1 ? "close" : "closes") "
      + "\(Self.span(tally.shownSpan, tally.clock)): "
      + "\(tally.cleanCount) clean, \(abnormal) abnormal (\(share))"
  }

  /// `from 2026-11-24 09:00:00 to 10:00:00`, with the second date only where it is another.
  static func span(_ span: (since: UInt64, until: UInt64), _ clock: WallClock) -> String {
    let isOneDay = clock.date(span.since) == clock.date(span.until)
    let end = isOneDay ? clock.clock(span.until) : clock.text(span.until)
    return "from \(clock.text(span.since)) to \(end)"
  }

  /// What is missing from the journal, as a sentence; nil if nothing is known to be.
  static func losses(of tally: CloseTally) -> String? {
    guard tally.lostCount > 0 else { return nil }
    let kinds = tally.lost.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let list = kinds.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    return "\(tally.lostCount) more \(tally.lostCount == 1 ? "record was" : "records were") lost"
      + (list.isEmpty ? "." : ": \(list).")
  }
}

// MARK: - The table

extension CloseTable {
  private struct Row {
    let name: String
    let count: String
    let share: String
    let list: String
    let median: String
    let sparkline: String
  }

  private var tableLines: [String] {
    let all = tally.groups.groups.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
    var shown = Array(all.prefix(Self.maximumRowCount))
    if tally.grouping == .minute { shown.sort { $0.key < $1.key } }
    let restCount = all.dropFirst(shown.count).reduce(tally.groups.restCount) {
      $0 + $1.value.count
    }
    let restGroupCount = UInt64(all.count - shown.count) + tally.groups.restGroupCount
    let names = shown.map { Self.cut($0.key, to: Self.maximumNameWidth) }
    let rest = restGroupCount > 0 ? "\(restGroupCount) more" : ""
    let nameWidth = max((names + [heading, rest]).map(\.count).max() ?? 0, 16)
    // Name, count, share, list and median, with two blanks before each but the first.
    let used = nameWidth + 2 + 8 + 2 + 7 + 2 + Self.listWidth + 2 + 7 + 2
    let sparklineWidth = Self.sparklineWidths.first { used + $0 <= Self.width } ?? 0
    var rows = [
      Row(
        name: heading, count: "CLOSES", share: "SHARE", list: listHeading, median: "MEDIAN",
        sparkline: "WHEN")
    ]
    rows += zip(names, shown).map { name, group in
      row(name, of: group.value, sparklineWidth: sparklineWidth)
    }
    if restGroupCount > 0 {
      rows.append(
        Row(
          name: rest, count: "\(restCount)", share: Self.percent(restCount, of: tally.count),
          list: "", median: "", sparkline: ""))
    }
    return rows.map { row in
      [
        Self.left(row.name, nameWidth), Self.right(row.count, 8), Self.right(row.share, 7),
        Self.left(row.list, Self.listWidth), Self.right(row.median, 7), row.sparkline,
      ].joined(separator: "  ")
    }
  }

  private var heading: String { tally.grouping.rawValue.uppercased() }
  private var listHeading: String { tally.grouping == .code ? "CAUSES" : "CODES" }

  private func row(_ name: String, of group: CloseGroup, sparklineWidth: Int) -> Row {
    let words =
      tally.grouping == .code
      ? group.causes.sorted.map(\.value) : group.codes.sorted.map { String($0.value) }
    let columns = group.timeline.columns(sparklineWidth, until: tally.shownSpan.until)
    return Row(
      name: name, count: "\(group.count)", share: Self.percent(group.count, of: tally.count),
      list: Self.fitted(words), median: group.lifetimes.median.map(ElapsedText.of) ?? "-",
      sparkline: Sparkline(style).draw(columns))
  }

  /// As many words as fit, and `…` for those that do not.
  private static func fitted(_ words: [String]) -> String {
    var line = ""
    for (index, word) in words.enumerated() {
      let next = line.isEmpty ? word : "\(line) \(word)"
      let room = index == words.count - 1 ? listWidth : listWidth - 2
      if next.count > room { return line.isEmpty ? cut(word, to: listWidth) : line + " …" }
      line = next
    }
    return line
  }
}

// MARK: - Text

extension CloseTable {
  /// `19.0 %`.
  static func percent(_ part: UInt64, of whole: UInt64) -> String {
    guard whole > 0 else { return "0.0 %" }
    let tenths = Int((Double(part) / Double(whole) * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  static func cut(_ text: String, to width: Int) -> String {
    text.count <= width ? text : text.prefix(width - 1) + "…"
  }

  static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 0))
  }

  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
  }

  static func withoutTrailingBlanks(_ text: String) -> String {
    var text = text[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
