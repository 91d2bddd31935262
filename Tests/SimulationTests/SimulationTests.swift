// Seeded runs of the simulation. `WSRELAY_SEEDS=N` runs more of them, `WSRELAY_SEED=S` one again.

import RelayTestSupport
import Testing

@Suite("Simulation")
struct SimulationTests {
  @Test(
    "Nothing is lost, forged, early, late or left over",
    arguments: SeedSelection.seeds(default: 200))
  func run(seed: UInt64) {
    #expect(Simulation(seed: seed).run() == [], "WSRELAY_SEED=\(seed)")
  }

  @Test("The same seed takes the same course")
  func repeatable() {
    let ends = (0..<2).map { _ in
      let simulation = Simulation(seed: 42)
      _ = simulation.run()
      return simulation.workers.map(\.recording.closed)
    }
    #expect(ends[0] == ends[1])
  }

  @Test("The seeds together reach every end that a simulated client can bring about")
  func coverage() {
    var causes: Set<String> = []
    for seed in 1...60 as ClosedRange<UInt64> {
      let simulation = Simulation(seed: seed)
      _ = simulation.run()
      for worker in simulation.workers {
        causes.formUnion(worker.recording.closed.map(\.cause.slug))
        causes.formUnion(worker.recording.refused.map { "\($0.status)" })
      }
    }
    let expected: Set = [
      "peer-close", "peer-close-error", "peer-fin", "peer-reset", "network-timeout",
      "close-timeout", "idle-timeout", "pong-timeout", "protocol-error", "invalid-utf8",
      "message-too-big", "slow-consumer", "shed", "drain", "route-removed", "404", "408", "503",
    ]
    #expect(expected.subtracting(causes) == [])
  }
}
