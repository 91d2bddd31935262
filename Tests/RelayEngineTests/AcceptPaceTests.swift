// How many connections are accepted in a turn, as they come.

import Testing

@testable import RelayEngine

@Suite("How many are accepted")
struct AcceptPaceTests {
  /// Lets a crowd queue up and counts the turns until all are accepted.
  private static func turns(for crowd: Int, _ pace: inout AcceptPace) -> Int {
    var left = crowd
    var turns = 0
    while left > 0 {
      turns += 1
      let allowance = pace.allowance
      if left >= allowance { pace.foundAll() } else { pace.foundNone() }
      left -= min(left, allowance)
    }
    return turns
  }

  @Test("Those who come one by one are seldom followed by a question in vain")
  func oneByOne() {
    var pace = AcceptPace()
    var questions = 0
    for _ in 0..<1000 {
      if pace.allowance == 1 {
        pace.foundAll()
      } else {
        questions += 1
        pace.foundNone()
      }
    }
    #expect(questions > 0 && questions <= 200)
  }

  @Test("A crowd is soon accepted as fast as there is time", arguments: [1, 10, 1000, 100_000])
  func crowd(count: Int) {
    var pace = AcceptPace()
    #expect(Self.turns(for: count, &pace) < 20 + count / 1000)
  }

  @Test("The allowance has an end")
  func bound() {
    var pace = AcceptPace()
    for _ in 0..<1_000_000 { pace.foundAll() }
    #expect(pace.allowance == 1024)
  }
}
