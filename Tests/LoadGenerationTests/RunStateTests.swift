// What is known of a whole run from what its threads tell.

import Testing

@testable import LoadGeneration

@Suite("Run state")
struct RunStateTests {
  @Test("A stage is entered when the last thread has told that it is in it")
  func stage() throws {
    let state = try RunState(threadCount: 3)
    #expect(state.counts.stage == .opening)
    state.enter(.settling)
    #expect(state.stage == .settling)
    state.threads[0].counts = RunCounts(stage: .settling)
    state.threads[1].counts = RunCounts(stage: .draining, unanswered: 2)
    #expect(state.counts.stage == .opening)
    state.threads[2].counts = RunCounts(stage: .settling, unanswered: 3)
    #expect(state.counts.stage == .draining)
    state.threads[1].counts = RunCounts(stage: .settling, unanswered: 1)
    #expect(state.counts.stage == .settling)
    #expect(state.counts.unanswered == 4)
  }
}
