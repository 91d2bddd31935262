// The life of an engine: start, drain, stop, and that nothing of it is left. Each test that counts
// descriptors or threads is a process of its own.

import CLinux
import Glibc
import RelayCore
import Synchronization
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("Start, drain and stop")
  struct LifecycleTests {
    /// A connected pair of sockets, the relay's end non-blocking.
    static func pair() throws -> (relay: Int32, peer: Int32) {
      var ends: [Int32] = [-1, -1]
      let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue
      try #require(socketpair(AF_UNIX, Int32(type), 0, &ends) == 0)
      _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
      return (ends[0], ends[1])
    }

    /// Whether the other end of a pair is closed.
    static func isClosed(_ peer: Int32) -> Bool {
      var byte: UInt8 = 0
      guard Wait.readable(peer, within: .seconds(20)) else { return false }
      return recv(peer, &byte, 1, 0) <= 0
    }

    @Test("A drain sends 1001 to all, records each, and ends the workers")
    func drain() async {
      await #expect(processExitsWith: .success) {
        let leaked = try ProcessFacts.leakedDescriptorCount {
          let test = try TestEngine()
          let address = try test.address()
          let clients = try test.open("/echo", count: 20) + test.open("/all", count: 20)
          #expect(ProcessFacts.workerThreads.count == 2)
          test.engine.drain(cause: .drain, spread: .zero, grace: .seconds(20))
          for client in clients { #expect(try client.finishClosing() == 1001) }
          test.engine.join()
          let closed = test.log.now.closed
          #expect(closed.count == 40)
          #expect(closed.allSatisfy { $0.cause == .drain && $0.isClean && $0.order == .sentFirst })
          #expect(ProcessFacts.workerThreads.isEmpty)
          #expect(throws: ClientError.self) { try Client(address) }
        }
        #expect(leaked == 0)
      }
    }

    @Test("A drain is spread over its time, and a restart is 1012")
    func spread() throws {
      let test = try TestEngine()
      let clients = try test.open("/echo", count: 10)
      let began = MonotonicClock.now()
      test.engine.drain(cause: .restart, spread: .milliseconds(400), grace: .seconds(20))
      for client in clients { #expect(try client.finishClosing() == 1012) }
      test.engine.join()
      // All are among the first of each worker's 128 places.
      #expect(MonotonicClock.now() - began < 5_000_000)
      #expect(test.log.now.closed.map(\.cause) == Array(repeating: .restart, count: 10))
    }

    @Test("While a worker drains, newcomers are answered 503, on whichever worker they arrive")
    func refusedWhileDraining() throws {
      let test = try TestEngine()
      let address = try test.address()
      let stays = try test.open("/echo")
      test.engine.drain(cause: .drain, spread: .zero, grace: .seconds(20))
      // The other worker has nothing to wait for.
      #expect(Wait.until { test.engine.exchange.mailboxes.contains { $0.finalCounters != nil } })
      for _ in 0..<8 {
        let late = try Client(address)
        try late.request("/echo")
        #expect(try late.readStatus().hasPrefix("HTTP/1.1 503"))
      }
      #expect(try stays.finishClosing() == 1001)
      test.engine.join()
    }

    @Test("Grace cuts who does not answer")
    func grace() throws {
      let test = try TestEngine()
      let clients = try test.open("/echo", count: 8)
      let silent = try Client(try test.address())
      #expect(Wait.until { test.loads.reduce(0, +) == 9 })
      test.engine.drain(cause: .drain, spread: .zero, grace: .milliseconds(300))
      test.engine.join()
      let closed = test.log.now.closed
      #expect(closed.filter { $0.phase == .open && !$0.isClean }.count == 8)
      #expect(closed.allSatisfy { $0.cause == .drain && $0.duration < 5_000_000 })
      for client in clients {
        #expect(try client.next().closeCode == 1001)
        #expect(try client.next() == .reset)
      }
      silent.close()
    }

    @Test("A stop ends everything at once, what waits in mailboxes too")
    func stop() async {
      await #expect(processExitsWith: .success) {
        let leaked = try ProcessFacts.leakedDescriptorCount(LifecycleTests.stopUnderPosts)
        #expect(leaked == 0)
      }
    }

    /// Posts connections to the workers, a stop in their midst, and sees that each is closed.
    private static func stopUnderPosts() throws {
      let test = try TestEngine()
      let exchange = test.engine.exchange
      var peers: [Int32] = []
      var postedCount = 0
      for number in 0..<50 {
        let pair = try pair()
        peers.append(pair.peer)
        if number == 25 { test.engine.stop() }
        let worker = number % test.engine.workerCount
        exchange.keep(worker)
        let message = WorkerMessage.connection(socket: pair.relay, peer: .unix, listener: 0)
        if exchange.mailboxes[worker].post(message) {
          postedCount += 1
        } else {
          close(pair.relay)
        }
      }
      test.engine.join()
      test.engine.join()
      let closed = test.log.now.closed
      #expect(closed.count == postedCount && postedCount >= 25)
      #expect(closed.allSatisfy { $0.cause == .drain && $0.phase == .handshake })
      for peer in peers {
        if !isClosed(peer) { throw ClientError.timedOut("the end of a connection") }
        close(peer)
      }
    }

    @Test("A question is answered by workers that have ended, with what they counted")
    func countersAfterEnd() throws {
      let test = try TestEngine()
      let client = try test.open("/echo")
      try client.send("one")
      #expect(try client.next() == .text("one"))
      #expect(try test.counters().liveCount == 1)
      test.stop()
      let counters = try test.counters()
      #expect(counters.acceptedCount == 1 && counters.closedCount == 1)
      #expect(counters.receivedMessageCount == 1 && counters.liveCount == 0)
    }

    @Test("A start that fails half way leaves no thread and no descriptor")
    func failedStart() async {
      await #expect(processExitsWith: .success) {
        var settings = TestEngine.settings()
        settings.threadCount = 8
        let leaked = ProcessFacts.leakedDescriptorCount {
          let log = EventLog()
          // Eight mailboxes, a listener, and the pollers and timers of three workers.
          ProcessFacts.leaveDescriptors(15)
          let error = #expect(throws: SystemCallError.self) {
            try Engine(settings, recorder: log)
          }
          ProcessFacts.leaveDescriptors(100)
          #expect(["epoll_create1", "timerfd_create"].contains(error?.call ?? ""))
          #expect(error?.errno == EMFILE)
          #expect(ProcessFacts.workerThreads.isEmpty)
        }
        #expect(leaked == 0)
        let engine = try Engine(settings, recorder: EventLog())
        engine.stop()
        engine.join()
      }
    }

    @Test("More listeners than there are tags for are refused")
    func listenerCount() async {
      await #expect(processExitsWith: .success) {
        ProcessFacts.raiseDescriptorLimit()
        let addresses = (0...ListeningSocket.maximumCount).map {
          ListenAddress.unix(path: "/tmp/wsrelay-test-\(getpid())-\($0)")
        }
        let error = #expect(throws: SystemCallError.self) {
          try TestEngine(workers: 1, listen: addresses)
        }
        #expect(error?.errno == ENOSPC)
        let test = try TestEngine(workers: 1, listen: Array(addresses.dropLast()))
        let client = try test.open("/echo", listener: ListeningSocket.maximumCount - 1)
        try client.send("last")
        #expect(try client.next() == .text("last"))
        test.stop()
      }
    }

    @Test("No signal interrupts a worker but those of its own faults")
    func signals() async {
      await #expect(processExitsWith: .success) {
        let test = try TestEngine()
        let faults = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP]
        #expect(Wait.until { ProcessFacts.workerThreads.count == 2 })
        for thread in ProcessFacts.workerThreads {
          let blocked = try #require(UInt64(ProcessFacts.status(thread, "SigBlk"), radix: 16))
          let isBlocked = { (signal: Int32) in blocked & 1 << UInt64(signal - 1) != 0 }
          #expect(faults.allSatisfy { !isBlocked($0) })
          #expect([SIGPIPE, SIGTERM, SIGHUP, SIGINT, SIGUSR1].allSatisfy(isBlocked))
        }
        test.stop()
      }
    }
  }
}
