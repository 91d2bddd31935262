// Who may import whom. The table is the architecture; an import that is not in it fails the build.

import Testing

@Suite("Dependency directions")
struct DependencyTests {
  /// What each module may import, besides the standard library. Foundation is nowhere: with it the
  /// binary would be half as large again (docs/decisions/0009-command-line.md).
  static let allowed: [String: Set<String>] = [
    "WebSocketProtocol": ["CBytes", "CMasking", "CSHA1", "CUTF8", "CZlib"],
    // Synchronization for atomic counts that all shards share; a lock there would be on the path.
    "RelayCore": ["WebSocketProtocol", "Synchronization"],
    "TLS": ["COpenSSL"],
    "RelayEngine": [
      "RelayCore", "WebSocketProtocol", "TLS", "CLinux", "Glibc", "Synchronization",
    ],
    "Spelling": [],
    "Getopt": ["CGetopt", "Glibc", "Spelling"],
    "RelayConfiguration": ["CTomlPlusPlus", "RelayCore", "Spelling", "WebSocketProtocol"],
    "Systemd": ["CSystemd", "Glibc", "Synchronization"],
    "CloseEvents": ["RelayCore", "WebSocketProtocol"],
    "CloseReports": ["CloseEvents", "RelayCore", "WebSocketProtocol", "Systemd", "Glibc"],
    "RelayDaemon": [
      "CloseEvents", "RelayEngine", "RelayCore", "RelayConfiguration", "Systemd", "TLS",
      "WebSocketProtocol", "Glibc", "Synchronization",
    ],
    "LoadGeneration": [
      "CLinux", "CloseEvents", "Glibc", "RelayCore", "RelayEngine", "Synchronization", "TLS",
      "WebSocketProtocol",
    ],
    "wsrelay-bench": ["Getopt", "Glibc", "LoadGeneration", "RelayCore", "TLS"],
    "wsrelay": [
      "RelayDaemon", "CloseEvents", "CloseReports", "Getopt", "RelayConfiguration", "RelayCore",
      "Spelling", "WebSocketProtocol", "Systemd", "Glibc",
    ],
  ]

  @Test("every import in Sources is in the table")
  func imports() {
    for file in SourceTree.repository.swift where file.path.hasPrefix("Sources/") {
      guard let allowed = Self.allowed[file.module] else {
        Issue.record("\(file.path): no entry for module \(file.module) in the table")
        continue
      }
      for (number, text) in file.numberedLines {
        guard let module = importedModule(text) else { continue }
        #expect(
          allowed.contains(module),
          "\(file.path):\(number): \(file.module) must not import \(module)")
      }
    }
  }

  @Test("every module of the table that exists has sources that were read")
  func treeIsThere() {
    let modules = Set(SourceTree.repository.swift.map(\.module))
    for module in ["WebSocketProtocol", "RelayCore", "RelayEngine", "RelayDaemon", "wsrelay"] {
      #expect(modules.contains(module), "no Swift file of \(module) found")
    }
  }

  @Test(
    "import lines are understood",
    arguments: [
      ("import Foundation", "Foundation"), ("  @testable import RelayCore", "RelayCore"),
      ("@preconcurrency import Glibc", "Glibc"), ("package import RelayCore", "RelayCore"),
      ("import struct Foundation.Data", "Foundation"), ("internal import A.B", "A"),
    ])
  func understood(line: String, module: String) {
    #expect(importedModule(line) == module)
  }

  @Test("other lines are no imports", arguments: ["// import Foundation", "importer()", ""])
  func notImports(line: String) {
    #expect(importedModule(line) == nil)
  }
}

/// The module that a line imports; nil if it is no import.
func importedModule(_ line: String) -> String? {
  let kinds: Set<Substring> = [
    "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
  ]
  let access: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
  var words = line.split(separator: " ").drop { $0.hasPrefix("@") || access.contains($0) }
  guard words.popFirst() == "import" else { return nil }
  if let kind = words.first, kinds.contains(kind) { words = words.dropFirst() }
  return words.first.flatMap { $0.split(separator: ".").first }.map(String.init)
}
