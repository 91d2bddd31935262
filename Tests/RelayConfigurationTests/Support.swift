// What the suites of this target share: loading text, and the files of the repository.

import Foundation
import RelayCore

@testable import RelayConfiguration

/// The configuration of a text that is expected to be good.
func load(_ text: String, descriptorLimit: Int? = nil) throws -> LoadedConfiguration {
  try ConfigurationFile.load(
    bytes: Array(text.utf8), file: "t.conf", descriptorLimit: descriptorLimit)
}

/// All diagnostics of a text, good or bad, each without the line of the file.
func diagnostics(_ bytes: [UInt8], descriptorLimit: Int? = nil) -> [String] {
  do throws(ConfigurationErrors) {
    let loaded = try ConfigurationFile.load(
      bytes: bytes, file: "t.conf", descriptorLimit: descriptorLimit)
    return loaded.advice.map(\.description)
  } catch {
    return error.diagnostics.map(\.description)
  }
}

/// All diagnostics of a text, good or bad, each without the line of the file.
func diagnostics(_ text: String, descriptorLimit: Int? = nil) -> [String] {
  diagnostics(Array(text.utf8), descriptorLimit: descriptorLimit)
}

/// Files of the repository, found from where this one is.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// With `WSRELAY_REGENERATE` set, what is generated is written instead of compared.
  static let regenerates = ProcessInfo.processInfo.environment["WSRELAY_REGENERATE"] != nil

  static func read(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  static func write(_ text: String, to path: String) throws {
    try text.write(to: root.appending(path: path), atomically: true, encoding: .utf8)
  }
}
