// Paragraphs broken into lines for terminals and for the journal.

/// Breaks text between words.
package enum WrappedText {
  /// The lines of a paragraph, none longer than `width` characters; a word that is too long for a
  /// line is broken itself.
  ///
  /// The first line begins with `first`, which is shorter than a line; the others with as many
  /// spaces.
  package static func lines(_ text: String, width: Int, first: String = "") -> [String] {
    precondition(first.count < width, "no room for text")
    let indent = String(repeating: " ", count: first.count)
    var lines: [String] = []
    var line = first
    var isEmpty = true
    for word in text.split(separator: " ") {
      var word = word
      if !isEmpty && line.count + 1 + word.count > width {
        lines.append(line)
        line = indent
        isEmpty = true
      }
      line += isEmpty ? "" : " "
      while line.count + word.count > width {
        let head = word.prefix(width - line.count)
        lines.append(line + head)
        word.removeFirst(head.count)
        line = indent
      }
      line += word
      isEmpty = false
    }
    return lines + [line]
  }
}
