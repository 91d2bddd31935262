// Entries out of a journal, in the order of time. The index finds the first entry of the span and
// each that follows: what lies before or between them costs nothing.

import CloseEvents
import Systemd

/// Reads what a query asks for out of a journal.
package enum JournalEntries {
  /// After so many entries the reader gives back what it has mapped, about 15 MB of files. Opening
  /// them again costs less than a tenth of reading so many.
  static let entriesBetweenReleases = 10_000

  /// Calls `body` with each entry until it returns false; returns where a file was damaged.
  ///
  /// Damage to the index loses entries that are whole. So what comes behind it is read again in the
  /// order of the disk, as far as that goes.
  package static func forEach(
    of source: JournalReader.Source, _ query: CloseQuery, wanted: [JournalField],
    _ body: (CloseQuery.Kind, EntryFields) -> Bool
  ) throws(SystemdError) -> DamagedPlace? {
    var reading = Reading(
      query: query, watchesDamage: source != .local, fields: query.room(for: wanted))
    try reading.read(JournalReader(source, matching: query.matches), body)
    if reading.isDamaged && !reading.isStopped {
      reading.skipped = reading.lastTime
      try reading.read(JournalReader(source), body)
    }
    return reading.isDamaged ? .entriesAfter(reading.lastTime) : nil
  }

  /// How far reading has come.
  private struct Reading {
    let query: CloseQuery
    /// journald makes files of its own smaller when it puts them away; others do not change.
    let watchesDamage: Bool
    var fields: EntryFields
    /// Entries up to this time have been delivered by an earlier reading.
    var skipped: UInt64?
    var lastTime: UInt64 = 0
    var isDamaged = false
    var isStopped = false

    mutating func read(
      _ reader: consuming JournalReader, _ body: (CloseQuery.Kind, EntryFields) -> Bool
    ) throws(SystemdError) {
      var size = try reader.byteCount
      var count = 0
      if skipped == nil, let since = query.span.since {
        try reader.seek(toMicroseconds: since)
      } else {
        // Looking for a time would look into the midst of a file that is perhaps damaged there.
        try reader.seekHead()
      }
      while try reader.next() {
        count += 1
        if count % entriesBetweenReleases == 0 {
          try notice(reader.byteCount, after: size)
          try reader.releaseMemory()
          size = try reader.byteCount
        }
        let time = try reader.realtime()
        if let skipped, time <= skipped { continue }
        if time > query.span.until ?? .max { break }
        try JournalEntries.read(from: reader, into: &fields)
        guard let kind = query.kind(of: fields) else { continue }
        lastTime = time
        guard body(kind, fields) else {
          isStopped = true
          return
        }
      }
      try notice(reader.byteCount, after: size)
    }

    private mutating func notice(_ size: UInt64, after earlier: UInt64) {
      if watchesDamage && size < earlier { isDamaged = true }
    }
  }

  /// Reads the entry that a reader stands on.
  static func read(
    from reader: borrowing JournalReader, into fields: inout EntryFields
  ) throws(SystemdError) {
    fields.removeAll()
    fields.time = try reader.realtime()
    try reader.forEachField { name, value in fields.take(name: name, value: value) }
  }
}

/// Where something could not be read.
package enum DamagedPlace: Sendable, Equatable {
  /// In a journal, behind an entry of this time; 0: behind its beginning.
  case entriesAfter(UInt64)
  /// In a stream, at this byte; what is wrong with it, and how many times in all something was.
  case byte(UInt64, problem: String, count: UInt64)
}
