// Journal files and entries in the export format, for tests that read a journal back. Debian's
// systemd-journal-remote makes the one out of the other.

import Foundation

/// Entries in the export format.
public struct ExportText: Sendable {
  /// The stream so far.
  public private(set) var bytes: [UInt8] = []

  /// No entries yet.
  public init() {}

  /// Appends an entry that was written at this time, in microseconds since 1970.
  public mutating func append(time: UInt64, _ fields: KeyValuePairs<String, String>) {
    append(time: time, fields.map { ($0.key, Array($0.value.utf8)) })
  }

  /// Appends an entry whose values may be any bytes.
  public mutating func append(time: UInt64, _ fields: [(name: String, value: [UInt8])]) {
    line("__REALTIME_TIMESTAMP=\(time)")
    line("__MONOTONIC_TIMESTAMP=\(time % 1_000_000_000)")
    line("_BOOT_ID=0f9c8a7b6c5d4e3f8a9b0c1d2e3f4a5b")
    for (name, value) in fields {
      if value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
        line("\(name)=\(String(decoding: value, as: UTF8.self))")
      } else {
        line(name)
        var size = UInt64(value.count).littleEndian
        withUnsafeBytes(of: &size) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: value)
        line("")
      }
    }
    line("")
  }

  private mutating func line(_ text: String) { bytes.append(contentsOf: Array("\(text)\n".utf8)) }
}

/// A directory for a test's files, removed with this value.
public final class JournalDirectory: Sendable {
  /// Why a journal file could not be made.
  public struct Failure: Error, CustomStringConvertible {
    /// What went wrong.
    public let description: String
  }

  private static let maker = "/lib/systemd/systemd-journal-remote"

  /// Where it is.
  public let path: String

  /// Makes a directory that nobody else has.
  public init() throws {
    path = NSTemporaryDirectory() + "/wsrelay-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// Makes a journal file of entries and returns its path.
  public func journal(of text: ExportText, named name: String = "test.journal") throws -> String {
    let export = try write(text.bytes, to: "\(name).export")
    guard FileManager.default.isExecutableFile(atPath: Self.maker) else {
      throw Failure(description: "\(Self.maker) is missing: install systemd-journal-remote")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.maker)
    process.arguments = ["--split-mode=none", "--output=\(path)/\(name)", export]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: String(decoding: said, as: UTF8.self))
    }
    return "\(path)/\(name)"
  }
}
