// Two workers: connections spread between them, and a channel that spans both.

import CLinux
import Glibc
import RelayCore
import Synchronization
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("Workers")
  struct WorkersTests {
    @Test("4,000 simultaneous connects are spread evenly")
    func spread() async {
      await #expect(processExitsWith: .success) {
        ProcessFacts.raiseDescriptorLimit()
        let test = try TestEngine(workers: 2)
        let address = try test.address()
        let clients = Mutex<[Int32]>([])
        try inThreads(8) { _ in
          for _ in 0..<500 {
            let client = try Client(address)
            let descriptor = dup(client.descriptor)
            clients.withLock { $0.append(descriptor) }
          }
        }
        #expect(Wait.until { test.loads.reduce(0, +) == 4000 })
        let loads = test.loads
        #expect(abs(loads[0] - loads[1]) <= 40, "\(loads)")
        #expect(try test.counters().acceptedCount == 4000)
        for client in clients.withLock({ $0 }) { close(client) }
        #expect(test.log.closed(4000).count == 4000)
        // The last is recorded just before its socket is closed.
        #expect(Wait.until { test.loads == [0, 0] })
        test.stop()
      }
    }

    @Test("A message reaches members on both workers, and not its sender")
    func crossWorkers() throws {
      let test = try TestEngine(workers: 2)
      defer { test.stop() }
      let members = try test.open("/all", count: 6)
      #expect(test.loads == [3, 3])
      for (index, member) in members.enumerated() {
        try member.send("from \(index)")
        for (other, receiver) in members.enumerated() where other != index {
          #expect(try receiver.next() == .text("from \(index)"))
        }
      }
      let other = try test.open("/room/elsewhere")
      try members[0].send("last")
      try other.send(opcode: 9, [1])
      #expect(try other.next() == .frame(opcode: 10, payload: [1]))
    }

    @Test("10 senders, 200 members, joins and leaves: in order, once, complete")
    func broadcast() throws {
      let routes = [
        TestEngine.route("/all", .broadcast) { $0.maximumOutboundByteCount = 16 << 20 }
      ]
      let test = try TestEngine(workers: 2, routes: routes)
      defer { test.stop() }
      let address = try test.address()
      let ready = Atomic<Int>(0)
      let isDone = Atomic<Bool>(false)
      let (readerCount, senderCount, messageCount) = (4, 10, 1000)
      try inThreads(readerCount + senderCount + 1) { index in
        if index < readerCount {
          try Self.readAll(test, ready, count: 200 / readerCount, senderCount * messageCount)
          isDone.store(true, ordering: .relaxed)
        } else if index < readerCount + senderCount {
          let client = try Client.open(address, "/all")
          #expect(Wait.until { ready.load(ordering: .relaxed) == readerCount })
          let sender = UInt8(index - readerCount)
          for number in 0..<messageCount {
            try client.send(opcode: 2, [sender, UInt8(number >> 8), UInt8(number & 0xFF)])
          }
          // As a member it is sent the messages of the others.
          var check = BroadcastCheck(expected: (senderCount - 1) * messageCount)
          while !check.isComplete { try check.take(from: client) }
        } else {
          while !isDone.load(ordering: .relaxed) {
            let client = try Client.open(address, "/all")
            var check = BroadcastCheck(expected: .max)
            try check.take(from: client, within: .milliseconds(1))
            client.close()
          }
        }
      }
      let counters = try test.counters()
      #expect(counters.receivedMessageCount == UInt64(senderCount * messageCount))
      #expect(counters.sentMessageCount >= UInt64(200 * senderCount * messageCount))
      #expect(counters.droppedMessageCount == 0)
    }

    private static func readAll(
      _ test: TestEngine, _ ready: borrowing Atomic<Int>, count: Int, _ expected: Int
    ) throws {
      let members = try test.open("/all", count: count)
      ready.add(1, ordering: .relaxed)
      for member in members {
        var check = BroadcastCheck(expected: expected)
        while !check.isComplete { try check.take(from: member) }
      }
    }
  }
}

/// Sees that the messages of each sender come in order and once: three bytes, sender and number.
private struct BroadcastCheck {
  let expected: Int
  private var count = 0
  private var next = [Int](repeating: -1, count: 256)
  private var rest: [UInt8] = []

  init(expected: Int) { self.expected = expected }

  var isComplete: Bool { count >= expected }

  mutating func take(from client: Client, within patience: Duration? = nil) throws {
    if let patience, !Wait.readable(client.descriptor, within: patience) { return }
    let bytes = rest + (try client.take())
    if bytes.count == rest.count { throw ClientError.refused("the end after \(count) messages") }
    // Frames of five bytes: two of header, three of payload.
    let whole = bytes.count - bytes.count % 5
    try bytes.withUnsafeBufferPointer { bytes in
      var index = 0
      while index < whole {
        if bytes[index] != 0x82 || bytes[index + 1] != 3 {
          throw ClientError.refused("not a message at \(count)")
        }
        let sender = Int(bytes[index + 2])
        let number = Int(bytes[index + 3]) << 8 | Int(bytes[index + 4])
        if next[sender] >= 0 && number != next[sender] {
          throw ClientError.refused("\(number) of \(sender) instead of \(next[sender])")
        }
        next[sender] = number + 1
        count += 1
        index += 5
      }
    }
    rest = Array(bytes[whole...])
    if count > expected { throw ClientError.refused("more than \(expected) messages") }
  }
}
