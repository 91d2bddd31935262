// The fields of one journal entry, as they were read: bytes that any local process may have
// written. What no report asks for is not kept, and of what is kept no more than a bound. One value
// is filled over and over, so that its memory is allocated once.

import CloseEvents

/// The fields of an entry that a report wants, and the time of the entry.
package struct EntryFields: Sendable {
  /// What is kept of a value; more than wsrelay ever writes, and less than an entry may hold.
  package static let maximumValueByteCount = EscapedText.messageByteCount

  /// When journald received the entry, in microseconds since 1970.
  package var time: UInt64 = 0
  private let wanted: UInt64
  private var found: UInt64 = 0
  private var bytes: [UInt8] = []
  private var values: [(index: Int, range: Range<Int>)] = []

  /// No entry yet; only these fields will be kept.
  package init(wanted: some Sequence<JournalField>) {
    self.wanted = wanted.reduce(0) { $0 | FieldNames.bit(of: $1) }
  }

  /// Empties the fields, for the next entry.
  package mutating func removeAll() {
    time = 0
    found = 0
    bytes.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
  }

  /// Keeps a field if it is wanted. An entry may have several values for one field, which wsrelay
  /// never writes: the first counts.
  package mutating func take(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    guard let index = FieldNames.index(of: name) else { return }
    let bit: UInt64 = 1 << UInt64(index)
    guard wanted & bit != 0, found & bit == 0 else { return }
    found |= bit
    let start = bytes.count
    bytes.append(contentsOf: value.prefix(Self.maximumValueByteCount))
    values.append((index, start..<bytes.count))
  }

  /// The same for text, as tests and tools have it.
  package mutating func take(_ name: String, _ value: some Sequence<UInt8>) {
    Array(name.utf8).withUnsafeBytes { name in
      Array(value).withUnsafeBytes { take(name: name, value: $0) }
    }
  }

  /// Whether a field that is kept has this value.
  package func has(_ field: JournalField, _ value: String) -> Bool {
    let found = values.first { FieldNames.fields[$0.index] == field }
    return found.map { bytes[$0.range].elementsEqual(value.utf8) } ?? false
  }

  /// Calls `body` with each field that was kept: in the order in which they came, which is that of
  /// the disk, or in the order of `JournalField`.
  package func forEach(
    sorted: Bool = false, _ body: (JournalField, UnsafeRawBufferPointer) -> Void
  ) {
    let values = sorted ? values.sorted { $0.index < $1.index } : values
    bytes.withUnsafeBytes { bytes in
      for (index, range) in values {
        body(FieldNames.fields[index], UnsafeRawBufferPointer(rebasing: bytes[range]))
      }
    }
  }
}

/// Finds a field by the bytes of its name: asked some sixty times for each entry of the journal.
enum FieldNames {
  /// Open addressing; four times as many slots as there are names keep the runs short.
  private static let slotCount = 256
  static let fields = JournalField.ofConnections
  private static let names = fields.map { Array($0.rawValue.utf8) }
  private static let slots: [UInt8] = {
    precondition(names.count <= 64, "one bit for each field")
    var slots = [UInt8](repeating: .max, count: slotCount)
    for (index, name) in names.enumerated() {
      var slot = name.withUnsafeBytes { hash($0) }
      while slots[slot] != .max { slot = (slot + 1) % slotCount }
      slots[slot] = UInt8(index)
    }
    return slots
  }()

  /// The place of a field in `fields`; nil for a name that is none of wsrelay's.
  static func index(of name: UnsafeRawBufferPointer) -> Int? {
    guard name.count >= 4 else { return nil }
    var slot = hash(name)
    while slots[slot] != .max {
      let index = Int(slots[slot])
      if name.elementsEqual(names[index]) { return index }
      slot = (slot + 1) % slotCount
    }
    return nil
  }

  /// The bit that stands for a field in a set; none for what no report reads.
  static func bit(of field: JournalField) -> UInt64 {
    guard let index = fields.firstIndex(of: field) else { return 0 }
    return 1 << UInt64(index)
  }

  /// Names that begin alike differ in their length or near their end.
  private static func hash(_ name: UnsafeRawBufferPointer) -> Int {
    let count = name.count
    let end = Int(name[count - 1]) &* 7 &+ Int(name[count - 2]) &* 31 &+ Int(name[count - 4]) &* 5
    return (end &+ count &* 53) & (slotCount - 1)
  }
}
