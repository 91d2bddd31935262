// Deadlines of all sessions in O(1): a ring of slots, each a list of the sessions due then. A
// session stands in one slot, for the earliest of its deadlines. When bytes arrive its deadlines
// only move away, so nothing is done then: at its slot's turn the session is asked again and put
// further on. A deadline beyond the horizon is put at the horizon and asked again there. This way
// the data path pays one store per message, and a deadline costs two list operations per horizon
// (67 s).

/// A session's place in the wheel.
public struct DeadlineLink {
  /// Index of the session after it in its slot; of an unused session, the next unused one.
  public var next = SessionTable.none
  /// Index of the session before it in its slot; `SessionTable.none` for the first.
  public var previous = SessionTable.none
  /// The slot it stands in; `noSlot`: none.
  public var slot = DeadlineLink.noSlot

  /// In place of a slot: the session waits for no deadline.
  public static let noSlot = UInt16.max
}

/// Slots of sessions by when they are due.
public struct DeadlineWheel: ~Copyable {
  /// In microseconds, 65.5 ms: with the clock read once a turn, deadlines fire so much late at
  /// most.
  public static let tick: Int64 = 1 << 16
  /// Slots in the ring, which with the tick make a horizon of 67 s.
  public static let slotCount = 1024

  private let heads: UnsafeMutablePointer<UInt32>
  /// One bit a slot: something is in it.
  private let occupied: UnsafeMutablePointer<UInt64>
  /// One bit a word of `occupied`: it is not 0.
  private var occupiedWords: UInt64 = 0
  private static let wordCount = slotCount / 64
  /// The tick up to which slots were emptied.
  private var currentTick: Int64

  /// An empty wheel; slots count from the tick of `now`, before which nothing can be due.
  public init(now: Instant) {
    heads = .allocate(capacity: Self.slotCount)
    heads.initialize(repeating: SessionTable.none, count: Self.slotCount)
    occupied = .allocate(capacity: Self.wordCount)
    occupied.initialize(repeating: 0, count: Self.wordCount)
    currentTick = now.microseconds / Self.tick
  }

  deinit {
    heads.deallocate()
    occupied.deallocate()
  }

  /// Puts a session into the slot of an instant, out of the one it is in.
  public mutating func schedule(
    _ session: SessionPointer, at instant: Instant, in sessions: borrowing SessionTable
  ) {
    cancel(session, in: sessions)
    // Rounded up, so that nothing fires early; at least the next tick, at most the horizon.
    let due = instant.microseconds / Self.tick &+ 1
    let tick = min(max(due, currentTick + 1), currentTick + Int64(Self.slotCount) - 1)
    let slot = Int(tick % Int64(Self.slotCount))
    let first = heads[slot]
    session.pointee.deadline = DeadlineLink(
      next: first, previous: SessionTable.none, slot: UInt16(slot))
    if first != SessionTable.none {
      sessions[first].pointee.deadline.previous = session.pointee.index
    }
    heads[slot] = session.pointee.index
    occupied[slot >> 6] |= 1 << UInt64(slot & 63)
    occupiedWords |= 1 << UInt64(slot >> 6)
  }

  /// Takes a session out.
  public mutating func cancel(_ session: SessionPointer, in sessions: borrowing SessionTable) {
    let link = session.pointee.deadline
    if link.slot == DeadlineLink.noSlot { return }
    let slot = Int(link.slot)
    if link.previous == SessionTable.none {
      heads[slot] = link.next
    } else {
      sessions[link.previous].pointee.deadline.next = link.next
    }
    if link.next != SessionTable.none {
      sessions[link.next].pointee.deadline.previous = link.previous
    }
    if heads[slot] == SessionTable.none {
      occupied[slot >> 6] &= ~(1 << UInt64(slot & 63))
      if occupied[slot >> 6] == 0 { occupiedWords &= ~(1 << UInt64(slot >> 6)) }
    }
    session.pointee.deadline = DeadlineLink()
  }

  /// Takes out one session whose slot has come; nil: none is left for now.
  public mutating func popDue(now: Instant, in sessions: borrowing SessionTable) -> SessionPointer?
  {
    let nowTick = now.microseconds / Self.tick
    while currentTick <= nowTick {
      let slot = Int(currentTick % Int64(Self.slotCount))
      let first = heads[slot]
      if first != SessionTable.none {
        let session = sessions[first]
        cancel(session, in: sessions)
        return session
      }
      if currentTick == nowTick { break }
      // After a long sleep one round over all slots is enough.
      currentTick = max(currentTick + 1, nowTick - Int64(Self.slotCount) + 1)
    }
    return nil
  }

  /// Microseconds until the next slot with anything in it; nil: the wheel is empty.
  public func timeUntilNext(now: Instant) -> Int64? {
    let slot = Int(currentTick % Int64(Self.slotCount))
    let word = slot >> 6
    var distance = 0
    var bits = occupied[word] & (~0 << UInt64(slot & 63))
    if bits == 0 {
      // The words behind this one, around the ring to those of its slots that come last.
      let behind = UInt64(word + 1)
      let ring = occupiedWords | occupiedWords << UInt64(Self.wordCount)
      let next = ring >> behind
      if next == 0 { return nil }
      distance = next.trailingZeroBitCount + 1
      bits = occupied[(word + distance) % Self.wordCount]
    }
    let due = currentTick - Int64(slot & 63) + Int64(64 * distance + bits.trailingZeroBitCount)
    return max(0, due * Self.tick - now.microseconds)
  }
}
