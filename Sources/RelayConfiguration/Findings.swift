// The problems that come up while a file is decoded.

/// The problems found so far in one file.
struct Findings {
  let source: SourceText
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var errorCount = 0

  /// A file with more errors than anyone reads is cut short.
  static let maximumErrorCount = 200

  init(source: SourceText) { self.source = source }

  mutating func error(at position: SourcePosition?, _ message: String) {
    add(.error, at: position, message)
  }

  mutating func add(
    _ severity: Diagnostic.Severity, at position: SourcePosition?, _ message: String
  ) {
    if diagnostics.count >= Self.maximumErrorCount {
      if severity == .error { errorCount += 1 }
      return
    }
    append(
      Diagnostic(
        file: source.file, position: position, severity: severity, message: message,
        sourceLine: position.flatMap { source.line($0.line) }))
  }

  mutating func append(_ found: Diagnostic) {
    if found.severity == .error { errorCount += 1 }
    guard diagnostics.count < Self.maximumErrorCount else { return }
    // What [defaults] gets wrong is found once for each route.
    if !diagnostics.contains(found) { diagnostics.append(found) }
  }

  /// In the order of the file.
  var sorted: [Diagnostic] {
    let start = SourcePosition(line: 0, column: 0)
    var result = diagnostics.enumerated().sorted { left, right in
      (left.element.position ?? start, left.offset)
        < (right.element.position ?? start, right.offset)
    }.map(\.element)
    if errorCount > Self.maximumErrorCount {
      let message = "more than \(Self.maximumErrorCount) errors; the others are not shown"
      result.append(Diagnostic(file: source.file, message: message))
    }
    return result
  }
}
