// What went wrong in a run: how often, and the first of each kind in words.

/// The kinds of what can go wrong.
package enum FaultKind: String, Sendable, CaseIterable {
  /// No TCP connection.
  case connect
  /// No 101, or not one that this handshake asked for.
  case handshake
  /// The server ended a connection.
  case closed
  /// A breach of RFC 6455 or RFC 7692.
  case violation
  /// A message is not what was sent.
  case content
  /// A message came twice, or before its turn.
  case order
  /// What was sent has not come by the end.
  case lost
  /// Nothing came for some time.
  case stalled
}

/// Faults by kind.
package struct Faults: Sendable {
  /// One kind: how often, and what the first one was.
  package struct Entry: Sendable {
    package let kind: FaultKind
    package fileprivate(set) var count: Int
    package let first: String
  }

  /// In the order in which the kinds came up.
  package private(set) var entries: [Entry] = []
  /// All of them.
  package private(set) var count = 0

  package init() {}

  /// Notes a fault; its text is made only for the first of its kind.
  package mutating func note(
    _ kind: FaultKind, count added: Int = 1, _ text: @autoclosure () -> String
  ) {
    count += added
    if let index = entries.firstIndex(where: { $0.kind == kind }) {
      entries[index].count += added
    } else {
      entries.append(Entry(kind: kind, count: added, first: text()))
    }
  }

  /// Adds what others have noted.
  package mutating func add(_ other: Faults) {
    for entry in other.entries { note(entry.kind, count: entry.count, entry.first) }
  }
}
