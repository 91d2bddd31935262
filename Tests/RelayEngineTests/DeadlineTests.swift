// Deadlines of 9,000 connections at once: how late they fire, by what the records say.
// Measured in the debug build.

import CLinux
import Glibc
import RelayCore
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("Deadlines", .disabled(if: ProcessFacts.isSanitized, "the sanitizer takes the time"))
  struct DeadlineTests {
    /// How late one kind of deadline fired, in milliseconds.
    struct Lateness {
      let name: String
      /// How many deadlines passed one after the other.
      let deadlineCount: Int
      let values: [Double]

      /// `allowed` is the sum of the deadlines.
      init(_ name: String, _ deadlineCount: Int, _ microseconds: [UInt64], allowed: Duration) {
        self.name = name
        self.deadlineCount = deadlineCount
        values = microseconds.map { Double(Int64($0) - allowed.wholeMicroseconds) / 1000 }
      }

      var minimum: Double { values.min() ?? .nan }
      var maximum: Double { values.max() ?? .nan }
    }

    /// Connections in four parts, each with a deadline of its own kind.
    static let partCount = 2250

    static let routes = [
      TestEngine.route("/idle") {
        $0.idleTimeout = .seconds(2)
        $0.closeTimeout = .seconds(1)
      },
      TestEngine.route("/ping") {
        $0.pingInterval = .seconds(1)
        $0.pingTimeout = .seconds(1)
        $0.closeTimeout = .seconds(1)
      },
      TestEngine.route("/close") { $0.closeTimeout = .seconds(1) },
    ]

    @Test("Idle, ping, handshake and close deadlines of 9,000 connections fire in time")
    func deadlines() async throws {
      let result = await #expect(
        processExitsWith: .success, observing: [\.standardOutputContent]
      ) {
        let test = try TestEngine(workers: 2, routes: DeadlineTests.routes) {
          $0.listeners[0].policy.handshakeTimeout = .seconds(2)
        }
        let address = try test.address()
        var clients: [Client] = []
        for _ in 0..<DeadlineTests.partCount {
          // One that never asks, and one on each route that never answers.
          clients.append(try Client(address))
          for route in DeadlineTests.routes {
            let client = try Client(address)
            try client.request(route.pattern.description)
            if route.pattern.description == "/close" { try client.sendClose() }
            clients.append(client)
          }
        }
        let count = DeadlineTests.partCount
        let log = test.log.wait(.seconds(30)) {
          $0.closed.count >= 3 * count && $0.refused.count >= count
        }
        let stretch = DeadlineTests.stretch
        print("workers waited for a processor \(stretch - 1) times as long as they ran")
        for lateness in DeadlineTests.lateness(log) {
          #expect(lateness.values.count == count, "\(lateness.name)")
          print(
            "\(lateness.name): \(lateness.values.count) deadlines, "
              + "\(lateness.minimum) to \(lateness.maximum) ms late")
          #expect(lateness.minimum >= 0, "\(lateness.name) fired early")
          #expect(
            lateness.maximum <= 250 * Double(lateness.deadlineCount) * stretch,
            "\(lateness.name) fired late")
        }
        test.stop()
        withExtendedLifetime(clients) {}
      }
      let text = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
      print(text, terminator: "")
    }

    /// How much longer everything takes the workers than on a machine of their own: other processes
    /// have the processors, too, and that is not what is measured here.
    static var stretch: Double {
      let times = ProcessFacts.workerTimes
      return Double(times.running + times.waiting) / Double(max(1, times.running))
    }

    /// The time since the peer's last byte, less the deadlines that passed in it. A connection that
    /// stays silent passes all of its route one after the other: their lateness adds up.
    static func lateness(_ log: EventLog.Content) -> [Lateness] {
      let idle = { (cause: CloseCause) in log.closed.filter { $0.cause == cause }.map(\.idle) }
      return [
        Lateness("handshake", 1, log.refused.map(\.duration), allowed: .seconds(2)),
        Lateness("close", 1, idle(.closeTimeout), allowed: .seconds(1)),
        Lateness("idle and close", 2, idle(.idleTimeout), allowed: .seconds(3)),
        Lateness("ping, pong and close", 3, idle(.pongTimeout), allowed: .seconds(3)),
      ]
    }
  }
}
