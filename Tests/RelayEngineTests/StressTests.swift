// Everything at once: clients that connect, relay and vanish, reloads, questions and a drain. Made
// for the thread sanitizer, which sees every access of every thread to memory they share.

import CLinux
import Glibc
import RelayCore
import Synchronization
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("StressTests")
  struct StressTests {
    private static let second = ListenAddress.tcp(host: "127.0.0.2", port: 0)
    private static let clientThreadCount = 6
    private static let roundCount = ProcessFacts.isSanitized ? 30 : 100

    @Test("Clients, reloads, questions and a drain at once", arguments: [2, 4])
    func stress(workers: Int) throws {
      let test = try TestEngine(workers: workers) { $0.recordsOpened = true }
      let address = try test.address()
      let active = Atomic<Int>(Self.clientThreadCount)
      try inThreads(Self.clientThreadCount + 2) { index in
        if index < Self.clientThreadCount {
          defer { active.subtract(1, ordering: .relaxed) }
          for round in 0..<Self.roundCount {
            try Self.visit(address, index, kind: (round + index) % 5)
          }
        } else {
          try Self.operate(test, reloads: index == Self.clientThreadCount, while: active)
        }
      }
      let stays = try test.open("/all", count: 20)
      test.engine.drain(cause: .drain, spread: .milliseconds(20), grace: .seconds(20))
      for client in stays { #expect(try client.finishClosing() == 1001) }
      test.engine.join()
      let (log, counters) = (test.log.now, try test.counters())
      #expect(counters.liveCount == 0)
      #expect(counters.closedCount == log.closed.count)
      #expect(counters.openedCount == log.opened.count)
      #expect(counters.acceptedCount == log.closed.count + log.refused.count)
    }

    /// What one client does, and how it goes.
    private static func visit(_ address: SocketAddress, _ thread: Int, kind: Int) throws {
      let client = try Client.open(address, kind < 2 ? "/echo" : "/room/\(thread % 2)")
      switch kind {
      case 0:
        try client.send("echo of \(thread)")
        #expect(try client.next() == .text("echo of \(thread)"))
        try client.sendClose()
        #expect(try client.finishClosing() == 1000)
      case 1:
        try client.send(opcode: 2, [UInt8](repeating: 3, count: 100_000))
        client.reset()
      case 2:
        for number in 0..<20 { try client.send("\(number)") }
        client.close()
      case 3:
        for number in 0..<20 { try client.send("\(number)") }
        _ = Wait.readable(client.descriptor, within: .milliseconds(5))
        client.reset()
      default:
        try client.send("here")
        client.endSending()
        while try client.next() != .end {}
      }
    }

    /// Reloads or asks until the clients are gone.
    private static func operate(
      _ test: TestEngine, reloads: Bool, while active: borrowing Atomic<Int>
    ) throws {
      var number = 0
      repeat {
        if reloads {
          var routes = TestEngine.routes
          routes[0].idleTimeout = .seconds(60 + number)
          if number % 2 == 1 { routes.swapAt(0, 2) }
          let listen = [TestEngine.loopback] + (number % 3 == 0 ? [second] : [])
          var settings = TestEngine.settings(routes: routes, listen: listen)
          settings.recordsOpened = true
          try test.engine.reload(settings)
          if number % 3 == 0 {
            let client = try? Client.open(try test.address(1, host: "127.0.0.2"), "/echo")
            client?.close()
          }
        }
        _ = try test.counters()
        number += 1
      } while active.load(ordering: .relaxed) > 0
    }
  }
}
