// The repository as the tidy tests see it: which files there are, and their lines.

import Foundation

/// One source file, by its path from the root of the repository.
struct SourceFile: Sendable {
  let path: String
  let lines: [String]

  var name: String { String(path.split(separator: "/").last ?? "") }

  /// The module a Swift file belongs to: the folder below Sources or Tests.
  var module: String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : ""
  }

  /// The lines with their numbers, from 1.
  var numberedLines: [(number: Int, text: String)] {
    lines.enumerated().map { (number: $0.offset + 1, text: $0.element) }
  }
}

/// Every file the tidy tests look at.
struct SourceTree: Sendable {
  let files: [SourceFile]

  var swift: [SourceFile] { files.filter { $0.path.hasSuffix(".swift") } }

  /// Reads the tree this test was compiled from.
  static let repository: SourceTree = {
    // Tests/TidyTests/SourceTree.swift: three components up.
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { root.deleteLastPathComponent() }
    return SourceTree(root: root)
  }()

  private static let folders = [
    "Sources", "Tests", "Benchmarks", "scripts", ".ci", "config", "docs", "systemd", "packaging",
  ]
  private static let topFiles = [
    "Package.swift", "Makefile", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md",
    "pyproject.toml",
  ]
  /// What builds and tools leave behind, and the inputs of fuzzers; not ours to judge.
  private static let skipped: Set<String> = [
    "build", ".build", "__pycache__", "node_modules", "corpus", "crashes",
  ]

  private init(root: URL) {
    var files: [SourceFile] = []
    for file in Self.topFiles { files += Self.read(file, in: root) }
    for folder in Self.folders {
      guard
        let walk = FileManager.default.enumerator(
          at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
      else { continue }
      for case let url as URL in walk {
        if Self.skipped.contains(url.lastPathComponent) {
          walk.skipDescendants()
          continue
        }
        files += Self.read(String(url.path.dropFirst(root.path.count + 1)), in: root)
      }
    }
    self.files = files.sorted { $0.path < $1.path }
  }

  /// The file as text; nothing if it is a folder, missing or not UTF-8.
  private static func read(_ path: String, in root: URL) -> [SourceFile] {
    let url = root.appendingPathComponent(path)
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return [SourceFile(path: path, lines: lines)]
  }
}
