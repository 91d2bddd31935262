// Which entries a report is made of, for each of the two ways in which they are read.

import CloseEvents
import Systemd

/// Closes and gaps of a span, of one route or of all.
package struct CloseQuery: Sendable, Equatable {
  /// When the entries were written.
  package var span: TimeSpan
  /// The path pattern of the route; nil for all of them.
  package var route: String?

  /// All entries of a span, or those of one route.
  package init(span: TimeSpan, route: String? = nil) {
    self.span = span
    self.route = route
  }

  /// The kinds of entries there are.
  package enum Kind: Sendable, Equatable {
    /// A connection ended.
    case close
    /// Records are missing; of which routes, nobody knows.
    case gap
  }

  /// What the journal's index has to find; the span is not part of it.
  package var matches: [JournalReader.Match] {
    let close = JournalReader.Match.field(
      JournalField.event.rawValue, equals: RecordEvent.close.rawValue)
    let gap = JournalReader.Match.field(
      JournalField.event.rawValue, equals: RecordEvent.gap.rawValue)
    // Two values for one field are alternatives; with a condition on another, they are two terms.
    guard let route else { return [close, gap] }
    return [close, .field(JournalField.route.rawValue, equals: route), .or, gap]
  }

  /// The kind of an entry; nil if it is not asked for.
  func kind(of fields: EntryFields) -> Kind? {
    guard span.contains(fields.time) else { return nil }
    if fields.has(.event, RecordEvent.gap.rawValue) { return .gap }
    guard fields.has(.event, RecordEvent.close.rawValue) else { return nil }
    if let route, !fields.has(.route, route) { return nil }
    return .close
  }

  /// Room for fields to be read: those that are wanted, and those that the query itself looks at.
  func room(for wanted: [JournalField]) -> EntryFields {
    EntryFields(wanted: wanted + LossEntry.fields + [.event, .route])
  }
}
