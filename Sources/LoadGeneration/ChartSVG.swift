// A chart as SVG: one line over two axes, in a picture that needs nothing beside it.

/// A panel with axes and a curve.
struct ChartPanel {
  /// A place on an axis with what stands there.
  struct Tick {
    /// From 0, where the axis begins, to 1.
    let position: Double
    let label: String
  }

  let title: String
  let horizontal: [Tick]
  let vertical: [Tick]
  /// Points of the curve, both coordinates from 0 to 1.
  let curve: [(x: Double, y: Double)]
}

/// Panels below each other.
struct ChartSVG {
  /// Long ones are shortened in the middle.
  let title: String
  /// What stands below the title.
  let lines: [String]
  let panels: [ChartPanel]

  private static let width = 860.0
  private static let panelHeight = 300.0
  private static let titleHeight = 44.0
  private static let lineHeight = 20.0
  private static let footHeight = 16.0
  // The curve's own place in a panel.
  private static let left = 84.0
  private static let right = 44.0
  private static let top = 40.0
  private static let bottom = 36.0
  /// As many characters as fit, in a wide typeface.
  static let maximumTitleLength = 72

  /// The whole document.
  var text: String {
    let headHeight = Self.titleHeight + Double(lines.count) * Self.lineHeight
    let height = headHeight + Double(panels.count) * Self.panelHeight + Self.footHeight
    var svg = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.number(Self.width)) \
      \(Self.number(height))" role="img">
      <title>\(Self.escaped(title))</title>
      <style>
      text { font: 13px system-ui, sans-serif; fill: #333 }
      .title { font-size: 17px; font-weight: 600 }
      .panel { font-weight: 600 }
      .grid { stroke: #ddd }
      .axis { stroke: #888 }
      .curve { fill: none; stroke: #1464a8; stroke-width: 2; stroke-linejoin: round }
      </style>
      <rect width="100%" height="100%" fill="#fff"/>
      <text class="title" x="24" y="30">\(Self.escaped(Self.shortened(title)))</text>

      """
    for (index, line) in lines.enumerated() {
      let y = Self.number(Self.titleHeight + (Double(index) + 0.5) * Self.lineHeight)
      svg += "<text x=\"24\" y=\"\(y)\">\(Self.escaped(line))</text>\n"
    }
    for (index, panel) in panels.enumerated() {
      svg += Self.draw(panel, at: headHeight + Double(index) * Self.panelHeight)
    }
    return svg + "</svg>\n"
  }

  private static func draw(_ panel: ChartPanel, at offset: Double) -> String {
    let area = (
      x: left, y: offset + top, width: width - left - right, height: panelHeight - top - bottom
    )
    func x(_ position: Double) -> String { number(area.x + position * area.width) }
    func y(_ position: Double) -> String { number(area.y + (1 - position) * area.height) }
    var svg = """
      <text class="panel" x="24" y="\(number(offset + 24))">\(escaped(panel.title))</text>

      """
    for tick in panel.vertical {
      let height = y(tick.position)
      svg += line("grid", x(0), height, x(1), height)
      svg += label(tick.label, number(area.x - 8), height, anchor: "end", shift: "0.35em")
    }
    for tick in panel.horizontal {
      svg += line("grid", x(tick.position), y(0), x(tick.position), y(1))
      svg += label(tick.label, x(tick.position), y(0), anchor: "middle", shift: "1.5em")
    }
    svg += line("axis", x(0), y(0), x(1), y(0)) + line("axis", x(0), y(0), x(0), y(1))
    let points = panel.curve.map { "\(x($0.x)),\(y($0.y))" }.joined(separator: " ")
    return svg + "<polyline class=\"curve\" points=\"\(points)\"/>\n"
  }

  private static func line(
    _ style: String, _ x1: String, _ y1: String, _ x2: String, _ y2: String
  ) -> String {
    "<line class=\"\(style)\" x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\"/>\n"
  }

  private static func label(
    _ text: String, _ x: String, _ y: String, anchor: String, shift: String
  ) -> String {
    "<text x=\"\(x)\" y=\"\(y)\" dy=\"\(shift)\" text-anchor=\"\(anchor)\">"
      + "\(escaped(text))</text>\n"
  }

  /// The beginning and the end, which say most of a URL.
  private static func shortened(_ text: String) -> String {
    let excess = text.count - maximumTitleLength
    if excess <= 0 { return text }
    let half = (maximumTitleLength - 1) / 2
    return text.prefix(maximumTitleLength - 1 - half) + "…" + text.suffix(half)
  }

  private static func number(_ value: Double) -> String { Figures.fixed(value, 1) }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      // XML has no control characters at all, not even as references.
      case "\u{0}"..<" ", "\u{7F}": result += "?"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
