// The memory this process may use, as control groups have it.

import Foundation
import Testing

@testable import RelayDaemon

@Suite("Memory limit")
struct MemoryLimitTests {
  /// A folder that looks like the root of a machine whose control groups have these files.
  private func limit(group: String, _ files: [String: String]) throws -> Int {
    let root = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: root) }
    let all = files.map { ("sys/fs/cgroup/\($0.key)", $0.value) }
    for (path, text) in all + [("proc/self/cgroup", group)] {
      let file = root.appending(path: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    return MemoryLimit.byteCount(root: root.path)
  }

  @Test("The smallest limit of the group and those above it")
  func smallest() throws {
    let group = "1:memory:/other\n0::/system.slice/wsrelay.service\n"
    let own = "system.slice/wsrelay.service"
    #expect(try limit(group: group, ["\(own)/memory.max": "1000000\n"]) == 1_000_000)
    #expect(
      try limit(
        group: group, ["\(own)/memory.max": "1000000\n", "\(own)/memory.high": "900000\n"])
        == 900_000)
    #expect(
      try limit(
        group: group, ["\(own)/memory.max": "max\n", "system.slice/memory.max": "800000\n"])
        == 800_000)
    #expect(try limit(group: "0::/\n", ["memory.max": "700000\n"]) == 700_000)
  }

  @Test("Otherwise the machine's memory", arguments: ["", "0::/\n", "4:memory:/a\n", "0::"])
  func machine(group: String) throws {
    let memory = Int(ProcessInfo.processInfo.physicalMemory)
    #expect(try limit(group: group, ["memory.max": "max\n", "a/memory.max": "5\n"]) == memory)
    #expect(try limit(group: group, ["memory.max": "none of it\n"]) == memory)
  }
}
