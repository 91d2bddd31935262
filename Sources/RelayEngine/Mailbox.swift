// What one worker gets from others: the only way anything travels between threads. Entries keep
// their order; the receiver is woken only when its mailbox was empty.

import CLinux
import Glibc
import RelayCore
import Synchronization

/// A batch of frames that several workers read; freed with the last of them.
final class SharedBatch: Sendable {
  nonisolated(unsafe) private let bytes: UnsafeRawPointer
  let byteCount: Int
  private let messageCount: Int
  private let payloadByteCount: Int
  let channel: String

  init(copying batch: ChannelBatch, channel: String) {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: batch.byteCount, alignment: 16)
    copy.copyMemory(from: batch.bytes, byteCount: batch.byteCount)
    bytes = UnsafeRawPointer(copy)
    byteCount = batch.byteCount
    messageCount = batch.messageCount
    payloadByteCount = batch.payloadByteCount
    self.channel = channel
  }

  deinit { bytes.deallocate() }

  /// The batch, valid while this object is.
  var batch: ChannelBatch {
    ChannelBatch(
      bytes: bytes, byteCount: byteCount, messageCount: messageCount,
      payloadByteCount: payloadByteCount)
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
}

/// The entries posted to one worker and not yet taken.
final class Mailbox: Sendable {
  private let queue = Mutex<[WorkerMessage]>([])
  /// Of the batches in the queue; read by others without the lock.
  private let batchByteCount = Atomic<Int>(0)
  /// Readable while there are entries to take.
  let wakeDescriptor: Int32

  init() throws(SystemCallError) {
    wakeDescriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    if wakeDescriptor < 0 { throw SystemCallError("eventfd", errno: errno, subject: "worker") }
  }

  deinit { close(wakeDescriptor) }

  /// Adds an entry.
  func post(_ message: WorkerMessage) {
    let wasEmpty = queue.withLock { queue in
      let wasEmpty = queue.isEmpty
      queue.append(message)
      if case .batch(let batch) = message {
        batchByteCount.add(batch.byteCount, ordering: .relaxed)
      }
      return wasEmpty
    }
    if wasEmpty {
      var one: UInt64 = 1
      _ = write(wakeDescriptor, &one, 8)
    }
  }

  /// Takes all entries; `spare` becomes the empty store, so that its memory is used again.
  func takeAll(reusing spare: consuming [WorkerMessage]) -> [WorkerMessage] {
    var value: UInt64 = 0
    _ = read(wakeDescriptor, &value, 8)
    spare.removeAll(keepingCapacity: true)
    return queue.withLock { queue in
      batchByteCount.store(0, ordering: .relaxed)
      let messages = queue
      queue = spare
      return messages
    }
  }

  /// Whether more bytes of batches wait than should.
  var isOverfull: Bool {
    batchByteCount.load(ordering: .relaxed) > Limits.maximumMailboxByteCount
  }
}
