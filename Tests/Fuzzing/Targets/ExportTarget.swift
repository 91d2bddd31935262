// The journal read back from a file of strangers: entries are the same however the stream is cut,
// and no control character of theirs gets into a report.

import CloseEvents
import CloseReports
import Glibc

enum ExportTarget {
  static func check(_ input: inout FuzzInput) {
    let sizes = input.cuts()
    let bytes = input.rest()
    // All pieces are sent before one is read: more than this many do not fit into the socket.
    let least = bytes.count / 200 + 1
    let cuts = sizes.map { $0 == 0 ? 0 : max($0 * 4, least) }
    let whole = read(bytes.isEmpty ? [] : [bytes])
    let cut = read(bytes.pieces(cuts).filter { !$0.isEmpty })
    expect(cut.entries == whole.entries, "\(cut.entries) in pieces, whole: \(whole.entries)")
    expect(cut.losses == whole.losses, "\(cut.losses) in pieces, whole: \(whole.losses)")
    expect(cut.damage == whole.damage, "the damage depends on the pieces")
    if case .byte(let place, _, let count) = whole.damage {
      expect(place <= bytes.count && count > 0, "damage at \(place), \(count) times")
    }
    for entry in whole.entries { check(entry) }
    for loss in whole.losses { for (kind, _) in loss.byKind { checkText(kind) } }
  }

  private struct Outcome {
    var entries: [CloseEntry] = []
    var losses: [LossEntry] = []
    var damage: DamagedPlace?
  }

  /// What a reader makes of a stream whose reads give these pieces.
  private static func read(_ pieces: [[UInt8]]) -> Outcome {
    // A socket of packets gives one at each read, and the end when the other is closed.
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else {
      fatalError("no socket pair: error \(errno)")
    }
    for piece in pieces {
      var count = 0
      // The fuzzer's own alarm may come between.
      repeat { count = send(ends[0], piece, piece.count, 0) } while count < 0 && errno == EINTR
      expect(count == piece.count, "cannot send: error \(errno)")
    }
    close(ends[0])
    var reader = ExportReader(descriptor: ends[1], ownsDescriptor: true)
    var fields = EntryFields(wanted: JournalField.allCases)
    var outcome = Outcome()
    while reader.next(into: &fields) {
      expect(fields.time > 0, "an entry without a time")
      outcome.entries.append(CloseEntry(fields))
      outcome.losses.append(LossEntry(fields))
    }
    outcome.damage = reader.damage
    return outcome
  }

  private static func check(_ entry: CloseEntry) {
    for text in [
      entry.message, entry.cause, entry.detail, entry.phase, entry.route, entry.channel, entry.path,
      entry.peer, entry.userAgent,
    ] {
      checkText(text)
    }
  }

  private static func checkText(_ text: String) {
    let isPlain = text.unicodeScalars.allSatisfy {
      $0.properties.generalCategory != .control && $0 != "\u{2028}" && $0 != "\u{2029}"
    }
    expect(isPlain, "a control character in \(text.debugDescription)")
    expect(ShownText.of(text, limit: .max / 2) == text, "\(text.debugDescription) is not stable")
  }
}
