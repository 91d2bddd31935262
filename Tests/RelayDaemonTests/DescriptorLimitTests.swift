// How many connections a limit on open files allows.

import Testing

@testable import RelayDaemon

@Suite("Descriptor limit")
struct DescriptorLimitTests {
  @Test("A reserve of 64, or a quarter of very few")
  func reserve() {
    let counts = [0, 1, 4, 64, 256, 1024, 262_144].map(DescriptorLimit.connectionCount)
    #expect(counts == [1, 1, 3, 48, 192, 960, 262_080])
  }
}
