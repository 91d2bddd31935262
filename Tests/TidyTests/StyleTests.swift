// The written style that a program can check. Each rule says where it was broken, and what to do.

import Testing

@Suite("Style")
struct StyleTests {
  static let maximumLineLength = 100
  static let maximumFileLength = 450
  /// A longer file gives its reason within this many lines of its head.
  static let headLineCount = 10

  /// Files of others, or made of tables: length rules do not apply.
  static let unmeasured = [
    ".md", ".txt", ".conf", ".service", ".catalog", ".map", ".svg", ".1", ".5", ".8",
  ]

  var code: [SourceFile] {
    SourceTree.repository.files.filter { file in
      !Self.unmeasured.contains { file.path.hasSuffix($0) } && file.name != "Makefile"
    }
  }

  @Test("lines are at most 100 columns")
  func lineLength() {
    for file in code {
      for (number, text) in file.numberedLines where text.count > Self.maximumLineLength {
        Issue.record("\(file.path):\(number): \(text.count) columns")
      }
    }
  }

  @Test("files are at most 450 lines, or say at their head why not")
  func fileLength() {
    for file in code where file.lines.count > Self.maximumFileLength {
      let head = file.lines.prefix(Self.headLineCount)
      #expect(
        head.contains { $0.contains("Longer than 450 lines because ") },
        """
        \(file.path): \(file.lines.count) lines; split it, or add \
        "// Longer than 450 lines because …" to its head
        """)
    }
  }

  @Test("every Swift and C file opens with a comment that says what it owns")
  func opensWithComment() {
    for file in SourceTree.repository.files
    where [".swift", ".c", ".h", ".cpp"].contains(where: { file.path.hasSuffix($0) }) {
      let first = file.lines.first ?? ""
      #expect(
        first.hasPrefix("//") || first.hasPrefix("/*"), "\(file.path): begins with \"\(first)\"")
    }
  }

  /// Assembled here so that this file does not break its own rule.
  static let banned: [(word: String, why: String)] = [
    ("TO" + "DO", "do it, or write an issue"),
    ("FIX" + "ME", "fix it, or write an issue"),
    ("X" + "XX", "say what is meant"),
    ("HA" + "CK", "say why it must be so"),
  ]

  @Test("no notes to self")
  func notesToSelf() {
    for file in SourceTree.repository.files {
      for (number, text) in file.numberedLines {
        let words = text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
        for (word, why) in Self.banned where words.contains(Substring(word)) {
          Issue.record("\(file.path):\(number): \(word): \(why)")
        }
      }
    }
  }

  @Test("no forced try")
  func forcedTry() {
    let forced = "try" + "!"
    for file in SourceTree.repository.swift {
      for (number, text) in file.numberedLines where text.contains(forced) {
        Issue.record("\(file.path):\(number): handle the error, or let the test throw it")
      }
    }
  }

  @Test("a disabled test gives its reason")
  func disabledTests() {
    let call = ".disabled" + "("
    for file in SourceTree.repository.swift {
      for (number, text) in file.numberedLines where text.contains(call) {
        #expect(
          text.contains(call + "\"") || text.contains(call + "if:") && text.contains(", \""),
          "\(file.path):\(number): disabled without a reason")
      }
    }
  }

  @Test("file names say what is in the file")
  func fileNames() {
    let vague = ["Manager", "Helper", "Util", "Context"]
    for file in SourceTree.repository.files {
      // systemd's own name for itself towards a service.
      let name = file.name.replacing("ServiceManager", with: "")
      for word in vague where name.contains(word) {
        Issue.record("\(file.path): \"\(word)\" says nothing; name what the file owns")
      }
    }
  }

  @Test("no path of somebody's machine")
  func workplacePaths() {
    let roots = ["home", "root", "work", "Users", "opt"].map { "/" + $0 + "/" }
    for file in SourceTree.repository.files {
      for (number, text) in file.numberedLines {
        for root in roots where mentions(root, in: text) {
          Issue.record("\(file.path):\(number): mentions \(root)…")
        }
      }
    }
  }

  /// Whether an absolute path under `root` begins in the text, not in the midst of another.
  private func mentions(_ root: String, in text: String) -> Bool {
    text.ranges(of: root).contains { range in
      guard range.lowerBound > text.startIndex else { return true }
      let before = text[text.index(before: range.lowerBound)]
      return !before.isLetter && !before.isNumber && !"._-/{}*".contains(before)
    }
  }

  @Test("Swift tests are no placeholders")
  func placeholders() {
    for file in SourceTree.repository.swift where file.name == "Placeholder.swift" {
      let module = file.module
      let others = SourceTree.repository.swift.filter { $0.module == module }.count
      #expect(others <= 1, "\(file.path): \(module) has tests now; delete the placeholder")
    }
  }
}
