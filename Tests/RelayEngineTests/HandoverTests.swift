// Live connections from one engine to the next, through descriptors in flight, as between two
// processes.

import CLinux
import Glibc
import RelayCore
import Synchronization
import Testing

@testable import RelayEngine

/// What an engine was told of the connections it took up.
final class Adopted: Sendable {
  private let value = Mutex<AdoptionSummary?>(nil)

  func put(_ summary: AdoptionSummary) { value.withLock { $0 = summary } }

  func wait() -> AdoptionSummary? {
    _ = Wait.until { value.withLock { $0 != nil } }
    return value.withLock { $0 }
  }
}

extension EngineTests {
  @Suite("Hand-over between engines")
  struct HandoverTests {
    /// Takes a parcel's content out of copies of its descriptors, as another process would.
    private static func arrival(
      _ parcel: HandoverParcel, state: Int32? = nil, isStored: Bool = false
    ) -> HandoverArrival? {
      HandoverArrival(
        state: dup(state ?? parcel.state), receivers: parcel.receivers.map { dup($0) },
        senders: parcel.senders.map { dup($0) }, isStored: isStored)
    }

    /// An engine that takes up what another left.
    private static func successor(
      _ arrival: HandoverArrival?, workers: Int = 2, routes: [Route] = TestEngine.routes,
      listen: [ListenAddress] = [TestEngine.loopback]
    ) throws -> (TestEngine, AdoptionSummary) {
      let adopted = Adopted()
      let test = try TestEngine(workers: workers, routes: routes, listen: listen) { settings in
        settings.arrival = arrival
        settings.adopted = { adopted.put($0) }
      }
      return (test, try #require(adopted.wait(), "no sign of the connections"))
    }

    private static func echo(_ client: Client, _ text: String) throws {
      try client.send(text)
      #expect(try client.next() == .text(text))
    }

    @Test("600 connections, from two workers to three and back, and the listener with them")
    func many() throws {
      let first = try TestEngine(workers: 2)
      let clients = try first.open("/echo", count: 600)
      let port = first.engine.listeners[0].boundPort
      var last = first
      for workers in [3, 2] {
        let parcel = try last.engine.handOver(program: "test")
        last.engine.leave()
        last.engine.join()
        // Only newcomers have closed.
        #expect(last.log.now.closed.allSatisfy { $0.restartCount == 0 })
        let (next, summary) = try Self.successor(Self.arrival(parcel), workers: workers)
        #expect(summary.adoptedCount == 600 && summary.closedCount == 0)
        #expect(summary.program == "test" && summary.fault == nil && summary.pause > 0)
        #expect(next.engine.listeners[0].boundPort == port)
        for (index, client) in clients.enumerated() { try Self.echo(client, "\(index)") }
        try Self.echo(try next.open("/echo"), "a newcomer")
        last = next
      }
      last.stop()
      let closed = last.log.closed(601)
      #expect(closed.filter { $0.restartCount == 2 }.count == 600)
    }

    @Test("a hand-over that fails changes nothing")
    func resumed() throws {
      let test = try TestEngine(workers: 2)
      defer { test.stop() }
      let clients = try test.open("/all", count: 4)
      for round in 0..<3 {
        _ = try test.engine.handOver(program: "")
        try clients[0].send("round \(round)")
        test.engine.resume()
        for client in clients[1...] { #expect(try client.next() == .text("round \(round)")) }
      }
      #expect(try test.counters().liveCount == 4)
    }

    @Test("members on other workers get every message once, whenever it is published")
    func broadcast() throws {
      let first = try TestEngine(workers: 2)
      let members = try first.open("/all", count: 6)
      let address = try first.address()
      let count = 2000
      let last = Mutex(first)
      let isDone = Atomic<Bool>(false)
      try inThreads(2) { index in
        if index == 0 {
          let speaker = try Client.open(address, "/all")
          for number in 0..<count { try speaker.send("\(number)") }
          // It is a member as long as it is there: the last messages must not find it gone.
          #expect(Wait.until { isDone.load(ordering: .relaxed) })
          return
        }
        for _ in 0..<4 {
          let engine = last.withLock { $0.engine }
          let parcel = try engine.handOver(program: "")
          engine.leave()
          engine.join()
          let (next, _) = try Self.successor(Self.arrival(parcel))
          last.withLock { $0 = next }
        }
        isDone.store(true, ordering: .relaxed)
      }
      for member in members {
        for number in 0..<count { #expect(try member.next() == .text("\(number)")) }
      }
      last.withLock { $0.stop() }
    }

    @Test("a parcel that is stored is whole again after it was taken up")
    func putBack() throws {
      let test = try TestEngine(workers: 1)
      let clients = try test.open("/echo", count: 300)
      let parcel = try test.engine.handOver(program: "")
      test.engine.leave()
      test.engine.join()
      let lost = try #require(Self.arrival(parcel, isStored: true))
      #expect(lost.connectionCount == 300)
      for connection in lost.connections { close(connection.socket) }
      for listener in lost.listeners.values { close(listener) }
      let (next, summary) = try Self.successor(Self.arrival(parcel, isStored: true))
      #expect(summary.adoptedCount == 300)
      for client in clients { try Self.echo(client, "still there") }
      next.stop()
    }

    @Test("without a state every connection is closed with 1012, and the relay starts")
    func noState() throws {
      let test = try TestEngine(workers: 2)
      let clients = try test.open("/echo", count: 20)
      let parcel = try test.engine.handOver(program: "")
      test.engine.leave()
      test.engine.join()
      let foreign = open("/dev/null", O_RDONLY)
      defer { close(foreign) }
      let (next, summary) = try Self.successor(Self.arrival(parcel, state: foreign))
      #expect(summary.adoptedCount == 0 && summary.closedCount == 20)
      #expect(summary.fault == .truncated)
      for client in clients {
        #expect(try client.next().closeCode == 1012)
        #expect(try client.next() == .end)
        client.close()
      }
      let closed = next.log.closed(20)
      #expect(closed.allSatisfy { $0.cause == .restart && $0.peer.host == "127.0.0.1" })
      try Self.echo(try next.open("/echo"), "a newcomer")
      next.stop()
    }

    /// The state of a parcel with some bytes of its header changed.
    private static func changed(_ state: Int32, _ change: (inout [UInt8]) -> Void) -> Int32 {
      var bytes = [UInt8](repeating: 0, count: 1 << 20)
      bytes.removeLast(bytes.count - pread(state, &bytes, bytes.count, 0))
      change(&bytes)
      let copy = linux_memory_file("changed")
      #expect(write(copy, bytes, bytes.count) == bytes.count)
      return copy
    }

    @Test("a newer format is read if it says that this version can", arguments: [UInt8(1), 2])
    func newerFormat(oldestReaderVersion: UInt8) throws {
      let test = try TestEngine(workers: 2)
      let clients = try test.open("/echo", count: 20)
      let parcel = try test.engine.handOver(program: "newer")
      test.engine.leave()
      test.engine.join()
      let state = Self.changed(parcel.state) { bytes in
        // Behind the magic: the version that wrote it, and the oldest that can read it.
        bytes[8] = 2
        bytes[12] = oldestReaderVersion
      }
      defer { close(state) }
      let (next, summary) = try Self.successor(Self.arrival(parcel, state: state))
      if oldestReaderVersion == 1 {
        #expect(summary.adoptedCount == 20 && summary.program == "newer")
        for client in clients { try Self.echo(client, "still there") }
      } else {
        #expect(summary.closedCount == 20 && summary.fault == .version(2))
        for client in clients { #expect(try client.next().closeCode == 1012) }
      }
      try Self.echo(try next.open("/echo"), "a newcomer")
      next.stop()
    }

    @Test("another address is listened on, though the old one would be in its way")
    func otherListener() throws {
      let test = try TestEngine(workers: 1)
      let client = try test.open("/echo")
      let port = try #require(test.engine.listeners[0].boundPort)
      let parcel = try test.engine.handOver(program: "")
      test.engine.leave()
      test.engine.join()
      let same = ListenAddress.tcp(host: "127.0.0.1", port: port)
      let (next, _) = try Self.successor(Self.arrival(parcel), listen: [same])
      try Self.echo(client, "still there")
      try Self.echo(try next.open("/echo"), "a newcomer")
      client.close()
      let old = next.log.closed(2).filter { $0.restartCount == 1 }
      #expect(old.map(\.listener) == [TestEngine.loopback.description])
      next.stop()
    }
  }
}
