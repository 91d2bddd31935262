// When things happened within a span whose end need not be known: a fixed number of slots, which
// become twice as wide whenever an event lies behind the last one.

/// Counts of events by time, in a fixed amount of memory.
package struct Timeline: Sendable, Equatable {
  /// Enough that each of some twenty columns is made of five slots at least, even right after the
  /// slots have become wider; a span that is known divides evenly into 24, 20, 16 or 12 columns.
  private static let slotCount = 240

  /// The beginning of the first slot, in microseconds since 1970.
  package let origin: UInt64
  /// The width of a slot in microseconds.
  package private(set) var width: UInt64
  private var slots: [UInt32]

  /// A timeline that begins here; `span` is its length in microseconds as far as it is known.
  package init(origin: UInt64, span: UInt64 = 0) {
    self.origin = origin
    width = max(span / UInt64(Self.slotCount) + 1, 1000)
    slots = [UInt32](repeating: 0, count: Self.slotCount)
  }

  /// Counts an event; one from before the origin belongs to the first slot.
  package mutating func add(_ time: UInt64) {
    let distance = time > origin ? time - origin : 0
    while distance / width >= UInt64(Self.slotCount) { widen() }
    slots[Int(distance / width)] &+= 1
  }

  private mutating func widen() {
    for slot in 0..<Self.slotCount / 2 { slots[slot] = slots[2 * slot] &+ slots[2 * slot + 1] }
    for slot in Self.slotCount / 2..<Self.slotCount { slots[slot] = 0 }
    let (double, isTooLarge) = width.multipliedReportingOverflow(by: 2)
    // Beyond all times there are, one slot takes all.
    width = isTooLarge ? .max : double
  }

  /// The counts in so many columns of equal width from the origin to `end`.
  ///
  /// A slot across the border of two columns is divided between them, or columns of five slots
  /// would look busier than their neighbours of four.
  package func columns(_ count: Int, until end: UInt64) -> [Double] {
    var columns = [Double](repeating: 0, count: max(count, 1))
    let last = columns.count - 1
    let scale = Double(columns.count) / Double(max(end > origin ? end - origin : 0, 1))
    for (slot, events) in slots.enumerated() where events > 0 {
      let start = Double(slot) * Double(width) * scale
      let stop = start + Double(width) * scale
      let column = Int(min(start, Double(last)))
      let border = min(Double(column + 1), stop)
      let share = column == last ? 1 : (border - start) / (stop - start)
      columns[column] += Double(events) * share
      if column < last { columns[column + 1] += Double(events) * (1 - share) }
    }
    return columns
  }
}
