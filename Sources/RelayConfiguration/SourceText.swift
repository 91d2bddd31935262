// The bytes of a configuration file as lines, for showing the one a diagnostic is about.

/// A place in a file; lines and columns count from 1, a column is a code point.
package struct SourcePosition: Hashable, Comparable, Sendable {
  /// From 1.
  package var line: Int
  /// In code points, from 1.
  package var column: Int

  /// A place from its line and column, both from 1.
  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// Top to bottom, then left to right.
  package static func < (left: Self, right: Self) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// The text of one file, which need be neither UTF-8 nor TOML.
struct SourceText: Sendable {
  let file: String
  let bytes: [UInt8]
  private let lineStarts: [Int]

  /// Longer lines are not shown: they help nobody, and every diagnostic would copy one.
  static let maximumShownLineByteCount = 4096

  init(file: String, bytes: [UInt8]) {
    self.file = file
    self.bytes = bytes
    var starts = [bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0]
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") {
      starts.append(index + 1)
    }
    lineStarts = starts
  }

  /// Where the first byte stands that is not part of any code point.
  var firstInvalidPosition: SourcePosition? {
    var position = SourcePosition(line: 1, column: 1)
    var bytes = bytes[lineStarts[0]...].makeIterator()
    var decoder = UTF8()
    while true {
      switch decoder.decode(&bytes) {
      case .scalarValue("\n"): position = SourcePosition(line: position.line + 1, column: 1)
      case .scalarValue: position.column += 1
      case .emptyInput: return nil
      case .error: return position
      }
    }
  }

  /// The place, or the end of its line if the line is shorter: at the end of a file the parser
  /// takes the last line break for a column.
  func clamped(_ position: SourcePosition) -> SourcePosition {
    let number = min(max(position.line, 1), lineStarts.count)
    let length = String(decoding: bytes[range(ofLine: number)], as: UTF8.self).unicodeScalars.count
    return SourcePosition(line: number, column: min(max(position.column, 1), length + 1))
  }

  /// A line without its end, or nil when there is no such line or it is too long to show.
  func line(_ number: Int) -> String? {
    guard lineStarts.indices.contains(number - 1) else { return nil }
    let range = range(ofLine: number)
    guard range.count <= Self.maximumShownLineByteCount else { return nil }
    return String(decoding: bytes[range], as: UTF8.self)
  }

  /// Where a line that exists is, without its end.
  private func range(ofLine number: Int) -> Range<Int> {
    let start = lineStarts[number - 1]
    let isLast = number == lineStarts.count
    var end = isLast ? bytes.count : lineStarts[number] - 1
    if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return start..<end
  }
}
