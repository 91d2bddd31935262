// Readings of a process: this one.

import Glibc
import Testing

@testable import LoadGeneration

@Suite("Server meter")
struct ServerMeterTests {
  @Test("CPU time grows by what is used")
  func cpu() throws {
    let meter = try #require(ServerMeter(process: getpid()))
    let before = try #require(meter.read())
    let wanted = before.cpu + 20_000_000
    var sum: UInt64 = 0
    // Ends as soon as that much has been used, however slow the machine is.
    while true {
      for number in 0..<10_000 { sum &+= UInt64(number) }
      if try #require(meter.read()).cpu >= wanted { break }
    }
    #expect(sum > 0)
    #expect(before.residentByteCount > 1_000_000)
  }

  @Test("nobody to watch")
  func nobody() {
    #expect(ServerMeter(process: 0) == nil)
    #expect(ServerMeter(process: .max) == nil)
  }
}
