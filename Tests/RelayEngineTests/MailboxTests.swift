// Mailboxes and the placing of connections: what travels between workers.

import CLinux
import Glibc
import RelayCore
import Testing

@testable import RelayEngine

@Suite("Mailbox and Exchange")
struct MailboxTests {
  /// How often the mailbox was woken since the last look.
  private func wakeCount(_ mailbox: Mailbox) -> UInt64 {
    var value: UInt64 = 0
    return read(mailbox.wakeDescriptor, &value, 8) == 8 ? value : 0
  }

  private func connection(_ number: Int32) -> WorkerMessage {
    .connection(socket: number, peer: .unix, listener: 0)
  }

  private func numbers(_ messages: [WorkerMessage]) -> [Int32] {
    messages.compactMap { if case .connection(let socket, _, _) = $0 { socket } else { nil } }
  }

  private func batch(byteCount: Int) -> SharedBatch {
    let bytes = [UInt8](repeating: 7, count: byteCount)
    return bytes.withUnsafeBytes {
      SharedBatch(
        copying: ChannelBatch(
          bytes: $0.baseAddress ?? UnsafeRawPointer(bitPattern: 16)!, byteCount: byteCount,
          messageCount: 1, payloadByteCount: byteCount),
        channel: "/all")
    }
  }

  @Test("Entries keep their order, and one wake stands for all that wait")
  func order() throws {
    let mailbox = try Mailbox()
    for number in 0..<100 { mailbox.post(connection(Int32(number))) }
    #expect(wakeCount(mailbox) == 1)
    #expect(numbers(mailbox.takeAll(reusing: [])) == Array(0..<100))
    #expect(wakeCount(mailbox) == 0)
  }

  @Test("An emptied mailbox is woken again, and taking clears the wake")
  func wakes() throws {
    let mailbox = try Mailbox()
    mailbox.post(connection(1))
    #expect(numbers(mailbox.takeAll(reusing: [])) == [1])
    #expect(wakeCount(mailbox) == 0)
    mailbox.post(connection(2))
    mailbox.post(connection(3))
    #expect(wakeCount(mailbox) == 1)
    #expect(numbers(mailbox.takeAll(reusing: [])) == [2, 3])
    #expect(mailbox.takeAll(reusing: []).isEmpty)
  }

  @Test("The memory of taken entries is used again, unless it is much")
  func reuse() throws {
    let mailbox = try Mailbox()
    for count in [1000, Mailbox.maximumSpareCount * 4] {
      for number in 0..<count { mailbox.post(connection(Int32(number))) }
      let taken = mailbox.takeAll(reusing: [])
      let capacity = taken.capacity
      _ = mailbox.takeAll(reusing: taken)
      let spare = mailbox.takeAll(reusing: [])
      #expect(spare.isEmpty)
      #expect(
        capacity <= Mailbox.maximumSpareCount
          ? spare.capacity == capacity : spare.capacity < capacity)
    }
  }

  @Test("A mailbox is overfull by the bytes of its batches, and by their number")
  func overfull() throws {
    let mailbox = try Mailbox()
    for (byteCount, count) in [
      (Limits.maximumMailboxByteCount / 4, 4),
      (1, Limits.maximumMailboxByteCount / (Mailbox.entryByteCount + 1) + 1),
    ] {
      let batch = batch(byteCount: byteCount)
      for _ in 0..<count - 1 { mailbox.post(.batch(batch)) }
      #expect(!mailbox.isOverfull)
      mailbox.post(.batch(batch))
      #expect(mailbox.isOverfull)
      #expect(mailbox.takeAll(reusing: []).count == count)
      #expect(!mailbox.isOverfull)
    }
  }

  @Test("A mailbox ends only when it is empty, and takes nothing after that")
  func end() throws {
    let mailbox = try Mailbox()
    var counters = ShardCounters()
    counters.acceptedCount = 3
    mailbox.post(connection(1))
    #expect(mailbox.end(with: counters).map(numbers) == [1])
    #expect(mailbox.finalCounters == nil)
    #expect(mailbox.end(with: counters) == nil)
    #expect(mailbox.finalCounters == counters)
    #expect(!mailbox.post(connection(2)))
    #expect(mailbox.takeAll(reusing: []).isEmpty)
  }

  @Test("A connection stays where it was accepted unless another worker has fewer")
  func place() throws {
    let exchange = try Exchange(workerCount: 3)
    #expect(exchange.place(acceptedBy: 1) == 1)
    #expect(exchange.place(acceptedBy: 1) == 0)
    #expect(exchange.place(acceptedBy: 1) == 2)
    #expect(exchange.place(acceptedBy: 2) == 2)
    exchange.left(2)
    exchange.left(2)
    #expect(exchange.place(acceptedBy: 0) == 2)
    #expect((0..<3).map { exchange.connectionCount(of: $0) } == [1, 1, 1])
  }

  @Test("Nothing is placed with a worker that has ended")
  func retired() throws {
    let exchange = try Exchange(workerCount: 2)
    exchange.retire(0)
    #expect((0..<100).allSatisfy { _ in exchange.place(acceptedBy: 1) == 1 })
  }

  @Test("The last of the workers to answer completes a question")
  func counters() throws {
    let answer = Answer()
    let request = CounterRequest(workerCount: 3) { answer.put($0) }
    var counters = ShardCounters()
    counters.acceptedCount = 2
    for _ in 0..<3 { request.answer(counters) }
    #expect(answer.wait()?.acceptedCount == 6)
  }
}
