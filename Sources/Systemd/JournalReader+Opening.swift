// Opening a journal, and opening it again: libsystemd keeps up to half a gigabyte of journal files
// mapped, and gives that back only when a reader is closed.

import CSystemd
import Glibc

extension JournalReader {
  static func open(
    _ source: Source, matching matches: [Match]
  ) throws(SystemdError) -> OpaquePointer {
    var opened: OpaquePointer?
    switch source {
    case .local:
      let result = sd_journal_open(&opened, Int32(SD_JOURNAL_LOCAL_ONLY))
      try SystemdError.check(result, call: "sd_journal_open")
    case .files(let paths):
      let strings = paths.map { strdup($0) }
      defer { for string in strings { free(string) } }
      var pointers = strings.map { UnsafePointer($0) } + [nil]
      let result = sd_journal_open_files(&opened, &pointers, 0)
      try SystemdError.check(result, call: "sd_journal_open_files")
    }
    guard let opened else { throw SystemdError(call: "sd_journal_open", errorNumber: ENOMEM) }
    do throws(SystemdError) {
      for match in matches { try add(match, to: opened) }
    } catch {
      sd_journal_close(opened)
      throw error
    }
    return opened
  }

  private static func add(_ match: Match, to journal: OpaquePointer) throws(SystemdError) {
    switch match {
    case .field(let name, let value):
      // With its length, since a value may hold any byte.
      let text = "\(name)=\(value)"
      let result = sd_journal_add_match(journal, text, text.utf8.count)
      try SystemdError.check(result, call: "sd_journal_add_match")
    case .or:
      try SystemdError.check(
        sd_journal_add_disjunction(journal), call: "sd_journal_add_disjunction")
    case .and:
      try SystemdError.check(
        sd_journal_add_conjunction(journal), call: "sd_journal_add_conjunction")
    }
  }

  /// Gives mapped memory back to the system and stays at the entry where the reader stands.
  ///
  /// Fields of the entry may be read again after it; files that journald has removed meanwhile are
  /// let go. Call it after some ten thousand entries.
  package mutating func releaseMemory() throws(SystemdError) {
    var cursor: UnsafeMutablePointer<CChar>?
    let result = sd_journal_get_cursor(journal, &cursor)
    try SystemdError.check(result, call: "sd_journal_get_cursor")
    defer { free(cursor) }
    let reopened = try Self.open(source, matching: matches)
    sd_journal_close(journal)
    journal = reopened
    if isFollowing { try beginFollowing() }
    try SystemdError.check(
      sd_journal_seek_cursor(journal, cursor), call: "sd_journal_seek_cursor")
    guard try SystemdError.check(sd_journal_next(journal), call: "sd_journal_next") > 0 else {
      return
    }
    // If the entry itself has been rotated away, the reader stands on one it has not delivered.
    let isSame = sd_journal_test_cursor(journal, cursor)
    isOnUndeliveredEntry =
      try SystemdError.check(isSame, call: "sd_journal_test_cursor") == 0
  }
}
