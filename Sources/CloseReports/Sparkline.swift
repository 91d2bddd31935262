// Counts over time as a line of bars, one character each.

/// Draws bars of eight heights.
package struct Sparkline: Sendable {
  /// Which characters the bars are made of.
  package enum Style: Sendable {
    /// Unicode's block elements.
    case blocks
    /// For terminals that do not know UTF-8.
    case ascii
  }

  private let bars: [Character]

  package init(_ style: Style) {
    bars = Array(style == .blocks ? "▁▂▃▄▅▆▇█" : ".:-=+*#@")
  }

  /// The line, scaled to its largest count; less than half an event is a blank.
  package func draw(_ counts: [Double]) -> String {
    guard let largest = counts.max(), largest > 0 else { return "" }
    return String(
      counts.map { count in
        guard count >= 0.5 else { return " " }
        let height = (count / largest * Double(bars.count)).rounded(.up)
        return bars[min(max(Int(height) - 1, 0), bars.count - 1)]
      })
  }
}
