// What one worker gets from others: the only way anything travels between threads. Entries keep
// their order; the receiver is woken only when its mailbox was empty.

import CLinux
import Glibc
import RelayCore
import Synchronization

/// A batch of frames that several workers read; freed with the last of them.
final class SharedBatch: Sendable {
  /// The frames; behind them the same messages in their compressed form, if there is one.
  nonisolated(unsafe) private let bytes: UnsafeRawPointer
  private let plainByteCount: Int
  private let deflatedPayloadByteCount: Int?
  /// Bytes of memory.
  let byteCount: Int
  private let messageCount: Int
  private let payloadByteCount: Int
  let channel: String

  init(copying batch: ChannelBatch, channel: String) {
    plainByteCount = batch.byteCount
    deflatedPayloadByteCount = batch.deflated?.payloadByteCount
    byteCount = batch.byteCount + (batch.deflated?.byteCount ?? 0)
    let copy = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
    copy.copyMemory(from: batch.bytes, byteCount: batch.byteCount)
    if let deflated = batch.deflated {
      (copy + batch.byteCount).copyMemory(from: deflated.bytes, byteCount: deflated.byteCount)
    }
    bytes = UnsafeRawPointer(copy)
    messageCount = batch.messageCount
    payloadByteCount = batch.payloadByteCount
    self.channel = channel
  }

  deinit { bytes.deallocate() }

  /// The batch, valid while this object is.
  var batch: ChannelBatch {
    ChannelBatch(
      bytes: bytes, byteCount: plainByteCount, messageCount: messageCount,
      payloadByteCount: payloadByteCount,
      deflated: deflatedPayloadByteCount.map {
        ChannelBatch.Deflated(
          bytes: bytes + plainByteCount, byteCount: byteCount - plainByteCount,
          payloadByteCount: $0)
      })
  }
}

/// What is posted to a worker.
enum WorkerMessage: Sendable {
  /// A connection that another worker accepted for this one.
  case connection(socket: Int32, peer: PeerAddress, listener: Int)
  case batch(SharedBatch)
  case reload(RouteTable, [ListeningSocket], recordsOpened: Bool)
  case drain(cause: CloseCause, spread: Duration, grace: Duration)
  case stop
  case count(CounterRequest)
  case probe(Probe)
  case kick(KickRequest)
  /// What was handed over by the process before; never anything but the first.
  case adopt(AdoptionShare)
  /// Close those who cannot be handed over, and answer once there are none.
  case depart(Probe, spread: Duration)
  case pause(HandoverRequest)
  case export(HandoverRequest)
  case resume
  case leave
}

/// The entries posted to one worker and not yet taken.
final class Mailbox: Sendable {
  private struct Content {
    var messages: [WorkerMessage] = []
    /// What its worker had counted when it ended; nil: it has not.
    var finalCounters: ShardCounters?
  }

  /// What an entry costs beside the bytes of its batch: many tiny batches fill memory, too.
  static let entryByteCount = 256
  /// The memory of so many entries is kept for the next; that of a longer queue is given back.
  static let maximumSpareCount = 4096

  private let content = Mutex(Content())
  /// Of the batches that wait; other workers look at it every turn, without the lock.
  private let batchByteCount = Atomic<Int>(0)
  /// Readable while there are entries to take.
  let wakeDescriptor: Int32

  init() throws(SystemCallError) {
    wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    if wakeDescriptor < 0 { throw SystemCallError("eventfd", errno: errno, subject: "worker") }
  }

  deinit { close(wakeDescriptor) }

  /// Adds an entry; false: the worker has ended, and nothing will be taken any more.
  @discardableResult
  func post(_ message: WorkerMessage) -> Bool {
    let (wasEmpty, hasEnded) = content.withLock { content in
      if content.finalCounters != nil { return (false, true) }
      let wasEmpty = content.messages.isEmpty
      content.messages.append(message)
      if case .batch(let batch) = message {
        batchByteCount.add(batch.byteCount + Self.entryByteCount, ordering: .relaxed)
      }
      return (wasEmpty, false)
    }
    if wasEmpty {
      // Fails only if the count of wakes would overflow, and then the receiver is awake.
      var one: UInt64 = 1
      _ = write(wakeDescriptor, &one, 8)
    }
    return !hasEnded
  }

  /// Waits until there are entries to take.
  func waitForMessages() {
    var descriptor = pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&descriptor, 1, -1)
  }

  /// Takes all entries; `spare` becomes the empty store, so that its memory is used again.
  func takeAll(reusing spare: consuming [WorkerMessage]) -> [WorkerMessage] {
    var value: UInt64 = 0
    _ = read(wakeDescriptor, &value, 8)
    spare.removeAll(keepingCapacity: spare.capacity <= Self.maximumSpareCount)
    return content.withLock { content in
      batchByteCount.store(0, ordering: .relaxed)
      let messages = content.messages
      content.messages = spare
      return messages
    }
  }

  /// Ends the mailbox if it is empty; otherwise returns what is in it, to be acted on first.
  func end(with counters: ShardCounters) -> [WorkerMessage]? {
    content.withLock { content in
      guard content.messages.isEmpty else {
        batchByteCount.store(0, ordering: .relaxed)
        defer { content.messages = [] }
        return content.messages
      }
      content.finalCounters = counters
      return nil
    }
  }

  /// What the worker counted in its life; nil: it has not ended.
  var finalCounters: ShardCounters? { content.withLock { $0.finalCounters } }

  /// Whether more bytes of batches wait than should.
  var isOverfull: Bool {
    batchByteCount.load(ordering: .relaxed) > Limits.maximumMailboxByteCount
  }
}
