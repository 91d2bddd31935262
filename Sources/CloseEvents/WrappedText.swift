// Paragraphs broken into lines for terminals and for the journal.

/// Breaks text between words.
enum WrappedText {
  /// The lines of a paragraph, none longer than `width` characters unless one word is.
  ///
  /// The first line begins with `first`, the others with as many spaces.
  static func lines(_ text: String, width: Int, first: String = "") -> [String] {
    let indent = String(repeating: " ", count: first.count)
    var lines: [String] = []
    var line = first
    var isEmpty = true
    for word in text.split(separator: " ") {
      if !isEmpty && line.count + 1 + word.count > width {
        lines.append(line)
        line = indent
        isEmpty = true
      }
      line += isEmpty ? "\(word)" : " \(word)"
      isEmpty = false
    }
    return lines + [line]
  }
}
