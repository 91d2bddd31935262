// Accepting when it cannot work: no descriptors, or a listener that somebody shut down. Processes
// of their own, because limits are the process's.

import CLinux
import Glibc
import RelayCore
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("Accepting under want")
  struct AcceptingTests {
    /// The share of one processor the workers use until the log has `count` more failures.
    static func load(_ log: EventLog, failures count: Int) -> Double {
      let known = log.now.failures.count
      let (began, before) = (MonotonicClock.now(), ProcessFacts.workerRunTime)
      let failures = log.wait { $0.failures.count >= known + count }.failures
      #expect(failures.count >= known + count, "\(failures.count) failures reported")
      let elapsed = MonotonicClock.now() - began
      return Double(ProcessFacts.workerRunTime - before) / Double(elapsed * 1000)
    }

    /// Whether each worker waits a second between two reports, by their number and time.
    static func areRare(_ log: EventLog, workers: Int) -> Bool {
      let times = log.now.failures.map(\.at)
      guard let first = times.first, let last = times.last else { return false }
      return times.count <= workers * (1 + Int((last - first + 50_000) / 1_000_000))
    }

    @Test("Without descriptors a worker rests, and a freed one is used within 100 ms")
    func noDescriptors() async {
      await #expect(processExitsWith: .success) {
        let test = try TestEngine(workers: 2)
        let address = try test.address()
        let served = try test.open("/echo")
        let clients = try (0..<30).map { _ in try Client(family: AF_INET) }
        ProcessFacts.leaveDescriptors(10)
        for client in clients {
          try client.connect(address)
          try client.request("/echo")
        }
        #expect(test.log.wait { !$0.failures.isEmpty }.failures.first?.error.errno == EMFILE)
        let load = AcceptingTests.load(test.log, failures: 3)
        #expect(load < 0.05, "\(load) of a processor")
        #expect(AcceptingTests.areRare(test.log, workers: 2))
        try served.send("served meanwhile")
        #expect(try served.next() == .text("served meanwhile"))

        var waiting = clients.filter { !Wait.readable($0.descriptor, within: .zero) }
        let answered = clients.filter { client in !waiting.contains { $0 === client } }
        #expect(answered.count == 10)
        for client in answered {
          client.close()
          let freed = MonotonicClock.now()
          var next: Int?
          #expect(
            Wait.until {
              next = waiting.firstIndex { Wait.readable($0.descriptor, within: .zero) }
              return next != nil
            })
          let elapsed = MonotonicClock.now() - freed
          #expect(elapsed < 100_000, "a freed descriptor was used after \(elapsed) µs")
          if let next { waiting.remove(at: next) }
        }
        test.stop()
      }
    }

    @Test("A listener that was shut down is no reason to spin")
    func shutDown() async {
      await #expect(processExitsWith: .success) {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let address = try #require(SocketAddress(numericHost: "127.0.0.1", port: 0))
        #expect(address.withSockaddr { bind(socket, $0, $1) } == 0)
        #expect(listen(socket, 16) == 0)
        let test = try TestEngine(
          workers: 2, listen: [.inherited(name: "web"), TestEngine.loopback],
          inherited: ["web": socket])
        shutdown(socket, Int32(SHUT_RDWR))
        #expect(test.log.wait { !$0.failures.isEmpty }.failures.first?.error.errno == EINVAL)
        let load = AcceptingTests.load(test.log, failures: 2)
        #expect(load < 0.05, "\(load) of a processor")
        #expect(AcceptingTests.areRare(test.log, workers: 2))
        let client = try test.open("/echo", listener: 1)
        try client.send("the other serves")
        #expect(try client.next() == .text("the other serves"))
        test.stop()
      }
    }
  }
}
