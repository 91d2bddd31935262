// The bounded queue between the threads that report ends and the one thread that writes them down.
//
// A worker holds the lock for one append. Records live in chunks of a fixed size, so that no append
// ever moves what is already queued (a growing array would copy megabytes under the lock), and the
// writer gives emptied chunks back. What does not fit is counted by cause and never forgotten.

import CloseEvents
import RelayCore

/// One thing to write down, and when it happened in microseconds since 1970.
struct PendingRecord: Sendable {
  enum Content: Sendable {
    case connection(ConnectionEvent)
    case report(DaemonReport)
  }

  var time: Int64
  var content: Content

  /// What a loss of this record is counted under.
  var kind: String {
    switch content {
    case .connection(.closed(let closed)): closed.cause.slug
    case .connection(.refused): RecordEvent.reject.rawValue
    case .connection(.opened): RecordEvent.open.rawValue
    // Never an event's name: `drain` is a cause, too.
    case .report: "message"
    }
  }
}

/// How many records were lost, by cause.
struct RecordLosses: Sendable, Equatable {
  private(set) var counts: [String: Int] = [:]
  private(set) var total = 0

  var isEmpty: Bool { total == 0 }

  mutating func add(_ kind: String, count: Int = 1) {
    counts[kind, default: 0] += count
    total += count
  }

  mutating func add(_ others: RecordLosses) {
    for (kind, count) in others.counts { add(kind, count: count) }
  }

  /// The most frequent first; equals by name.
  var sorted: [(kind: String, count: Int)] {
    counts.map { (kind: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.kind) < ($0.count, $1.kind) }
  }
}

/// What the writer takes in one go.
struct RecordBatch: Sendable {
  var chunks: [RecordQueue.Chunk] = []
  var count = 0
  var losses = RecordLosses()
  var isClosing = false
}

/// The records that wait for the writer. Its owner guards it with a lock.
struct RecordQueue: Sendable {
  typealias Chunk = ContiguousArray<PendingRecord>

  /// Small enough that the allocator serves a chunk from its heap instead of from fresh pages.
  static let chunkCapacity = 64
  private static let maximumSpareCount = 64
  /// Room beyond the capacity for the daemon's own words: a storm must not silence them.
  private static let reportReserve = 1024

  let capacity: Int
  var isClosing = false
  /// The writer waits to be woken; whoever finds this set clears it and wakes the writer.
  var writerSleeps = false
  private(set) var recordedCount = 0
  private(set) var droppedCount = 0
  private var chunks: [Chunk] = []
  private var spares: [Chunk] = []
  private var count = 0
  private var losses = RecordLosses()

  init(capacity: Int) { self.capacity = capacity }

  /// Queues a record, or counts it as lost; true if the writer has to be woken.
  ///
  /// `inHandCount` is what the writer has taken and not yet written: the bound is on both together.
  @inline(__always)
  mutating func append(_ record: consuming PendingRecord, inHandCount: Int) -> Bool {
    recordedCount += 1
    let reserve = if case .report = record.content { Self.reportReserve } else { 0 }
    guard count + inHandCount < capacity + reserve, !isClosing else {
      droppedCount += 1
      losses.add(record.kind)
      return wakesWriter()
    }
    if chunks.isEmpty || chunks[chunks.count - 1].count == Self.chunkCapacity {
      chunks.append(spares.popLast() ?? Self.emptyChunk())
    }
    chunks[chunks.count - 1].append(record)
    count += 1
    return wakesWriter()
  }

  /// Hands everything over; where there is nothing, the writer may be noted as asleep.
  mutating func take(sleepsIfEmpty: Bool) -> RecordBatch {
    let batch = RecordBatch(chunks: chunks, count: count, losses: losses, isClosing: isClosing)
    writerSleeps = sleepsIfEmpty && count == 0 && losses.isEmpty && !isClosing
    chunks = []
    count = 0
    losses = RecordLosses()
    return batch
  }

  /// Takes an emptied chunk back for reuse.
  mutating func recycle(_ chunk: consuming Chunk) {
    guard spares.count < Self.maximumSpareCount else { return }
    spares.append(chunk)
  }

  private mutating func wakesWriter() -> Bool {
    defer { writerSleeps = false }
    return writerSleeps
  }

  private static func emptyChunk() -> Chunk {
    var chunk = Chunk()
    chunk.reserveCapacity(chunkCapacity)
    return chunk
  }
}
