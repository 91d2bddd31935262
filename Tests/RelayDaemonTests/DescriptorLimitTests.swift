// How many connections a limit on open files allows.

import Foundation
import Testing

@testable import RelayDaemon

@Suite("Descriptor limit")
struct DescriptorLimitTests {
  @Test("A reserve of 64, or a quarter of very few")
  func reserve() {
    let counts = [0, 1, 4, 64, 256, 1024, 262_144].map(DescriptorLimit.connectionCount)
    #expect(counts == [1, 1, 3, 48, 192, 960, 262_080])
  }

  @Test("Room is made for as many as there may be, and nothing stays open")
  func room() async {
    // In a process of its own: other tests open and close files all the time.
    await #expect(processExitsWith: .success) {
      let before = try Self.descriptors()
      DescriptorLimit.makeRoom(for: 700)
      #expect(try Self.tableSize() >= 764)
      DescriptorLimit.makeRoom(for: .max)
      let left = try Self.descriptors().subtracting(before)
      #expect(left.allSatisfy { $0 < 700 }, "\(left.sorted())")
    }
  }

  /// Those that are open, and the one that reads the folder.
  private static func descriptors() throws -> Set<Int> {
    Set(try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int($0) })
  }

  private static func tableSize() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("FDSize:") }
    return Int(line?.split(separator: "\t").last ?? "") ?? 0
  }
}
