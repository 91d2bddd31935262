// What is wrong, or unwise, in a configuration, and how an operator gets to see it.

/// One problem: where it is, what was expected, and the line it is on.
package struct Diagnostic: Hashable, Sendable {
  /// Whether the configuration is refused.
  package enum Severity: String, Sendable { case error, advice }

  /// The file as it was named, or the command-line flag.
  package var file: String
  /// Nil when the problem is the file as a whole, or a flag.
  package var position: SourcePosition?
  /// Whether it is a mistake.
  package var severity: Severity
  /// What is wrong and what was expected, as one line without a full stop.
  package var message: String
  /// The line of the file without its end, where there is one to show.
  package var sourceLine: String?

  /// A problem; without a position it is about the whole file or flag.
  package init(
    file: String, position: SourcePosition? = nil, severity: Severity = .error, message: String,
    sourceLine: String? = nil
  ) {
    self.file = file
    self.position = position
    self.severity = severity
    self.message = message
    self.sourceLine = sourceLine
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `file:line:column: error: message`, without the line of the file.
  package var description: String {
    let place = position.map { ":\($0.line):\($0.column)" } ?? ""
    return "\(file)\(place): \(severity.rawValue): \(printable(message))"
  }

  /// The description and below it the line of the file with a caret; without a final newline.
  package var rendered: String {
    guard let position, let sourceLine else { return description }
    let excerpt = Excerpt(line: sourceLine, column: position.column)
    let number = String(position.line)
    let margin = String(repeating: " ", count: max(0, 4 - number.utf8.count)) + number
    let blank = String(repeating: " ", count: margin.utf8.count)
    return """
      \(description)
      \(margin) | \(excerpt.text)
      \(blank) | \(excerpt.caretLine)
      """
  }
}

/// The part of a line around a column that fits a terminal.
private struct Excerpt {
  let text: String
  let caretLine: String

  /// In code points on either side of the caret.
  private static let maximumSideCount = 100

  init(line: String, column: Int) {
    let scalars = Array(line.unicodeScalars)
    let caret = min(max(0, column - 1), scalars.count)
    let start = caret > Self.maximumSideCount ? caret - Self.maximumSideCount / 2 : 0
    let end = min(scalars.count, caret + Self.maximumSideCount)
    let head = start > 0 ? "…" : ""
    let tail = end < scalars.count ? "…" : ""
    let before = scalars[start..<caret].map { $0 == "\t" ? "\t" : " " }.joined()
    text = head + printable(String(String.UnicodeScalarView(scalars[start..<end]))) + tail
    caretLine = (start > 0 ? " " : "") + before + "^"
  }
}

/// Text from a file must not be able to steer the terminal it is shown on.
private func printable(_ text: String) -> String {
  var scalars = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    let isControl = scalar != "\t" && scalar.properties.generalCategory == .control
    let isFormat = scalar.properties.generalCategory == .format
    scalars.append(isControl || isFormat ? "\u{FFFD}" : scalar)
  }
  return String(scalars)
}

/// Everything that is wrong with a configuration, and the advice that came up on the way.
package struct ConfigurationErrors: Error, Hashable, Sendable {
  /// In the order of the file; at least one is an error.
  package var diagnostics: [Diagnostic]

  /// Several problems, in the order in which they are to be shown.
  package init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  /// A file that could not be read, with the reason as the system words it.
  package static func unreadable(file: String, reason: String) -> ConfigurationErrors {
    ConfigurationErrors([Diagnostic(file: file, message: "cannot be read: \(reason)")])
  }

  /// All diagnostics as text, each ending in a newline.
  package var rendered: String { diagnostics.map { $0.rendered + "\n" }.joined() }
}
