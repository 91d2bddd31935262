// The one thread that writes records down. It may block in the journal's socket or on standard
// error for as long as it takes: the workers only ever see the queue.
//
// A sink that fails is given time: the records in hand are tried again after growing pauses, up to
// `patience` in all for one outage, while the queue fills up behind them. After that all are tried
// once and counted as lost if they fail; the first success ends the outage. What was lost is
// written down as one `gap` record as soon as the sink takes one again. Closing changes nothing of
// that: a journald that restarts while the daemon stops still gets its records, as long as whoever
// closes is ready to wait.

import Glibc
import Synchronization
import Systemd

/// How the writer treats a sink that fails.
struct SinkPatience: Sendable {
  /// The time one outage may hold records back before they count as lost.
  var total = Duration.seconds(5)
  /// The pause before the second attempt; doubled for each further one.
  var firstPause = Duration.milliseconds(20)
  /// The longest pause, also between attempts to write a gap down.
  var longestPause = Duration.seconds(1)
}

/// What the writer thread shares with those who record.
final class CloseJournalState: Sendable {
  let queue: Mutex<RecordQueue>
  let wakeup: Wakeup
  let finished: Wakeup
  let inHandCount = Atomic<Int>(0)
  let writtenCount = Atomic<Int>(0)
  let failedCount = Atomic<Int>(0)
  let gapCount = Atomic<Int>(0)
  /// Lost records that a written gap record counts.
  let toldCount = Atomic<Int>(0)
  let includesPeerDetails: Atomic<Bool>
  let isAbandoned = Atomic<Bool>(false)
  /// Turns of the writer's loop, and whether it is just now at the mercy of its sink.
  let turnCount = Atomic<Int>(0)
  let isDelivering = Atomic<Bool>(false)
  /// What `CloseJournal.hasStalled` saw last.
  let lastSeenProgress = Atomic<Int>(-1)

  init(capacity: Int, includesPeerDetails: Bool) throws(SystemdError) {
    queue = Mutex(RecordQueue(capacity: capacity))
    wakeup = try Wakeup()
    finished = try Wakeup()
    self.includesPeerDetails = Atomic(includesPeerDetails)
  }

  static var realtimeMicroseconds: Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }
}

/// The body of the writer thread.
struct CloseJournalWriter<Sink: RecordSink & ~Copyable>: ~Copyable {
  private let state: CloseJournalState
  private var sink: Sink
  private let patience: SinkPatience
  private var patienceLeft: Duration
  private var entry: JournalEntry
  private var losses = RecordLosses()

  init(state: CloseJournalState, sink: consuming Sink, patience: SinkPatience) {
    self.state = state
    self.entry = sink.makeEntry()
    self.sink = sink
    self.patience = patience
    self.patienceLeft = patience.total
  }

  /// Writes until the journal is closed and the queue is empty, or it is told to give up.
  mutating func run() {
    var mayBeAsleep = false
    while !isAbandoned {
      state.turnCount.add(1, ordering: .relaxed)
      var batch = state.queue.withLock { queue in
        let batch = queue.take(sleepsIfEmpty: mayBeAsleep)
        state.inHandCount.store(batch.count, ordering: .relaxed)
        return batch
      }
      let isEmpty = batch.count == 0 && batch.losses.isEmpty
      write(&batch)
      writeGap()
      if isEmpty && batch.isClosing { return }
      if isEmpty && mayBeAsleep {
        state.wakeup.wait(timeout: losses.isEmpty ? nil : patience.longestPause)
      } else if isEmpty || batch.count < RecordQueue.chunkCapacity {
        state.wakeup.wait(timeout: Self.nap)
      }
      mayBeAsleep = isEmpty && !mayBeAsleep
    }
  }

  /// How long the writer lets records gather before it looks again, without asking to be woken.
  ///
  /// Waking a thread costs the worker that does it about as much as a hundred appends; so only the
  /// first record after a quiet time pays for it.
  private static var nap: Duration { .milliseconds(5) }

  private var isAbandoned: Bool { state.isAbandoned.load(ordering: .relaxed) }

  private mutating func write(_ batch: inout RecordBatch) {
    losses.add(batch.losses)
    for index in batch.chunks.indices {
      var chunk = RecordQueue.Chunk()
      swap(&chunk, &batch.chunks[index])
      var place = 0
      while place < chunk.count {
        if isAbandoned { return }
        place = write(chunk, from: place)
      }
      chunk.removeAll(keepingCapacity: true)
      state.queue.withLock { $0.recycle(chunk) }
    }
  }

  /// Writes records of a chunk together, as many as the sink takes; returns where the next one is.
  private mutating func write(_ chunk: RecordQueue.Chunk, from start: Int) -> Int {
    var end = start
    // By index: a loop over the elements would copy each of them first.
    while end < chunk.count && !sink.isFull {
      take(chunk[end])
      end += 1
    }
    let lostCount = deliver()
    state.writtenCount.add(end - start - lostCount, ordering: .relaxed)
    state.failedCount.add(lostCount, ordering: .relaxed)
    for place in (end - lostCount)..<end { losses.add(chunk[place].kind) }
    state.inHandCount.subtract(end - start, ordering: .relaxed)
    return end
  }

  private mutating func take(_ record: PendingRecord) {
    switch record.content {
    case .connection(let event):
      let details = state.includesPeerDetails.load(ordering: .relaxed)
      entry.fill(with: event, time: record.time, includesPeerDetails: details)
    case .report(let report):
      entry.fill(with: report, time: record.time)
    }
    takeEntry()
  }

  private mutating func takeEntry() {
    entry.end()
    sink.take(&entry)
  }

  private mutating func writeGap() {
    if losses.isEmpty || isAbandoned { return }
    entry.fill(with: losses, time: CloseJournalState.realtimeMicroseconds)
    takeEntry()
    guard deliver() == 0 else { return }
    state.toldCount.add(losses.total, ordering: .relaxed)
    losses = RecordLosses()
    state.gapCount.add(1, ordering: .relaxed)
  }

  /// Has the sink send on what it took, again and again while there is patience; returns how many
  /// records are lost, the last ones taken.
  private mutating func deliver() -> Int {
    state.isDelivering.store(true, ordering: .relaxed)
    defer { state.isDelivering.store(false, ordering: .relaxed) }
    var pause = patience.firstPause
    while true {
      do throws(SystemdError) {
        try sink.send()
        patienceLeft = patience.total
        return 0
      } catch {
        // A sink that refuses cannot be reported through itself: the gap record speaks of it later.
        // Whoever read standard error and has gone does not come back; a journald does.
        let mayPass = error.errorNumber != EPIPE
        guard mayPass, patienceLeft > .zero, !isAbandoned else { return sink.discard() }
        state.wakeup.wait(timeout: pause)
        patienceLeft -= pause
        pause = min(pause * 2, patience.longestPause)
      }
    }
  }
}
