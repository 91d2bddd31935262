// The way back out of the journal: libsystemd's reader, owned.
//
// A reader stands on one entry or before the first. `next` and `previous` move among the entries
// that its matches let through; the journal's own index finds them, so that what does not match
// costs nothing. It knows no field but those it is asked for.
//
// libsystemd gives a damaged file up in the midst of reading it without a word. It then counts that
// file no longer: `byteCount` has become smaller, which is how a caller can tell.

import CSystemd
import Glibc

/// Reads entries of a journal in the order of their time.
package struct JournalReader: ~Copyable {
  /// Which journal is read.
  package enum Source: Sendable, Equatable {
    /// What this machine's journald has written, as far as this process may read it.
    case local
    /// Journal files by their paths.
    case files([String])
  }

  /// One step in the description of what is read, in the order of sd_journal_add_match(3).
  package enum Match: Sendable, Equatable {
    /// The field has this value; several values for one field are alternatives.
    case field(String, equals: String)
    /// What came before, or what comes after.
    case or
    /// What came before, and what comes after.
    case and
  }

  let source: Source
  let matches: [Match]
  var journal: OpaquePointer
  /// The reader was reopened and stands on an entry that `next` has not delivered yet.
  var isOnUndeliveredEntry = false
  /// The reader looks for changes (`beginFollowing`).
  var isFollowing = false

  /// Opens a journal; `EBADMSG` or `ENODATA` for a file that is damaged or cut short.
  package init(_ source: Source, matching matches: [Match] = []) throws(SystemdError) {
    self.source = source
    self.matches = matches
    journal = try Self.open(source, matching: matches)
  }

  deinit { sd_journal_close(journal) }

  /// The size of all files being read, in bytes; less than before if one had to be given up.
  package var byteCount: UInt64 {
    get throws(SystemdError) {
      var count: UInt64 = 0
      try SystemdError.check(sd_journal_get_usage(journal, &count), call: "sd_journal_get_usage")
      return count
    }
  }

  /// Goes before the first entry.
  package mutating func seekHead() throws(SystemdError) {
    isOnUndeliveredEntry = false
    try SystemdError.check(sd_journal_seek_head(journal), call: "sd_journal_seek_head")
  }

  /// Goes behind the last entry; `previous` then delivers it.
  package mutating func seekTail() throws(SystemdError) {
    isOnUndeliveredEntry = false
    try SystemdError.check(sd_journal_seek_tail(journal), call: "sd_journal_seek_tail")
  }

  /// Goes before the first entry of this time or a later one, in microseconds since 1970.
  package mutating func seek(toMicroseconds time: UInt64) throws(SystemdError) {
    isOnUndeliveredEntry = false
    let result = sd_journal_seek_realtime_usec(journal, time)
    try SystemdError.check(result, call: "sd_journal_seek_realtime_usec")
  }

  /// Moves to the next entry; false if there is none (yet).
  package mutating func next() throws(SystemdError) -> Bool {
    if isOnUndeliveredEntry {
      isOnUndeliveredEntry = false
      return true
    }
    return try SystemdError.check(sd_journal_next(journal), call: "sd_journal_next") > 0
  }

  /// Moves to the entry before; false if there is none.
  package mutating func previous() throws(SystemdError) -> Bool {
    isOnUndeliveredEntry = false
    return try SystemdError.check(sd_journal_previous(journal), call: "sd_journal_previous") > 0
  }

  /// When journald received the entry, in microseconds since 1970.
  package func realtime() throws(SystemdError) -> UInt64 {
    var time: UInt64 = 0
    let result = sd_journal_get_realtime_usec(journal, &time)
    try SystemdError.check(result, call: "sd_journal_get_realtime_usec")
    return time
  }

  /// The value of one field of the entry; nil if the entry has no such field.
  ///
  /// Each call walks over the entry's fields: for more than one or two, `forEachField` is faster.
  package func value(of field: String) throws(SystemdError) -> [UInt8]? {
    var data: UnsafeRawPointer?
    var count = 0
    let result = sd_journal_get_data(journal, field, &data, &count)
    if result == -ENOENT { return nil }
    try SystemdError.check(result, call: "sd_journal_get_data")
    let item = UnsafeRawBufferPointer(start: data, count: count)
    return item.firstIndex(of: UInt8(ascii: "=")).map { Array(item[($0 + 1)...]) }
  }

  /// Calls `body` with the name and the value of each field of the entry, in no particular order.
  ///
  /// The bytes live as long as the call. A field that cannot be read, such as one that is damaged
  /// or compressed by a method that this machine's libsystemd does not know, is left out.
  package func forEachField(
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
  ) throws(SystemdError) {
    sd_journal_restart_data(journal)
    while true {
      var data: UnsafeRawPointer?
      var count = 0
      let result = sd_journal_enumerate_available_data(journal, &data, &count)
      let call = "sd_journal_enumerate_available_data"
      guard try SystemdError.check(result, call: call) > 0 else { return }
      let item = UnsafeRawBufferPointer(start: data, count: count)
      guard let equals = item.firstIndex(of: UInt8(ascii: "=")) else { continue }
      body(
        UnsafeRawBufferPointer(rebasing: item[..<equals]),
        UnsafeRawBufferPointer(rebasing: item[(equals + 1)...]))
    }
  }
}
