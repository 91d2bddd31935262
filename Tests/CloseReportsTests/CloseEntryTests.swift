// Decoding of entries: what is there, what is not, and what somebody forged.

import CloseEvents
import RelayTestSupport
import Testing

@testable import CloseReports

@Suite("Close entries")
struct CloseEntryTests {
  @Test("Every field of a close is decoded")
  func complete() {
    let entry = CloseEntry(
      .of([
        .message: "closed", .cause: "peer-reset", .causeDetail: "limit=1", .phase: "open",
        .closeCode: "1006", .codeReceived: "1012", .isClean: "no", .route: "/a", .channel: "/b",
        .path: "/c", .peer: "192.0.2.7", .peerPort: "51234", .userAgent: "curl/8.5",
        .duration: "60000000", .idle: "41", .unsentByteCount: "7", .receivedMessageCount: "1",
        .sentMessageCount: "2", .priority: "5",
      ]))
    var expected = CloseEntry()
    expected.time = sampleStart
    expected.message = "closed"
    expected.cause = "peer-reset"
    expected.detail = "limit=1"
    expected.phase = "open"
    expected.closeCode = 1006
    expected.codeReceived = 1012
    expected.isClean = false
    expected.route = "/a"
    expected.channel = "/b"
    expected.path = "/c"
    expected.peer = "192.0.2.7"
    expected.peerPort = 51234
    expected.userAgent = "curl/8.5"
    expected.lifetime = 60_000_000
    expected.idle = 41
    expected.unsentByteCount = 7
    expected.receivedMessageCount = 1
    expected.sentMessageCount = 2
    expected.priority = 5
    #expect(entry == expected)
  }

  @Test("Each name of a field is found, and no other")
  func names() {
    for (index, field) in JournalField.ofConnections.enumerated() {
      let name = Array(field.rawValue.utf8)
      #expect(name.withUnsafeBytes { FieldNames.index(of: $0) } == index)
      let longer = name + [UInt8(ascii: "X")]
      #expect(longer.withUnsafeBytes { FieldNames.index(of: $0) } == nil)
    }
    for name in ["", "A", "_UID", "WSRELAY_", "_SOURCE_REALTIME_TIMESTAMP"] {
      #expect(Array(name.utf8).withUnsafeBytes { FieldNames.index(of: $0) } == nil)
    }
  }

  @Test(
    "What is no number, or too large, is unknown",
    arguments: ["", "-1", "+1", "1e3", " 1", "1 ", "65536", "99999999999999999999999", "١", "0x1"])
  func numbers(text: String) {
    #expect(CloseEntry(.of([.closeCode: text])).closeCode == nil)
  }

  @Test("The largest numbers are numbers")
  func largeNumbers() {
    let entry = CloseEntry(.of([.closeCode: "65535", .duration: "18446744073709551615"]))
    #expect(entry.closeCode == 65535)
    #expect(entry.lifetime == .max)
    #expect(CloseEntry(.of([.duration: "18446744073709551616"])).lifetime == nil)
  }

  @Test("Nothing of an entry reaches a terminal as a control character")
  func controls() {
    let evil = "\u{1B}[2J\n\r\u{9B}31m\u{202E}\0x"
    let entry = CloseEntry(.of([.message: evil, .cause: evil, .route: evil, .peer: evil]))
    for text in [entry.message, entry.cause, entry.route, entry.peer] {
      #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F ~= $0.value) })
      #expect(text.hasPrefix("\\x1b[2J\\x0a"))
    }
    var fields = EntryFields(wanted: [.userAgent])
    fields.take("WSRELAY_USER_AGENT", [0xFF, 0xC3, 0x28] as [UInt8])
    #expect(CloseEntry(fields).userAgent == "\\xff\\xc3(")
  }

  @Test("Text that was escaped once is not escaped again, and a cut never grows")
  func idempotence() {
    for text in ["gr\\x0a\\u{202e}\\\\üße", "a\\", "\\", "\\\\\\", "ü\\ü", "plain"] {
      #expect(ShownText.of(text) == text)
      #expect(ShownText.of(ShownText.of(text)) == text)
    }
    let long = String(repeating: "a\\", count: 5000)
    #expect(ShownText.of(long).utf8.count <= 256 + 4)
    #expect(ShownText.of(String(repeating: "x", count: 300)).hasSuffix("…"))
  }

  @Test("A field of a megabyte is cut, the first of two values counts, others are not kept")
  func bounds() {
    var fields = EntryFields(wanted: [.message])
    fields.take("MESSAGE", repeatElement(0x41, count: 1 << 20))
    fields.take("MESSAGE", "second".utf8)
    fields.take("WSRELAY_CAUSE", "drain".utf8)
    var kept: [(JournalField, Int)] = []
    fields.forEach { kept.append(($0, $1.count)) }
    #expect(kept.count == 1 && kept.first?.1 == EntryFields.maximumValueByteCount)
    fields.removeAll()
    fields.forEach { _, _ in Issue.record("nothing was kept") }
  }

  @Test("A gap tells how many records of which kind are missing")
  func losses() {
    let loss = LossEntry(.of([.lostCount: "130", .lostByCause: "peer-reset=100 drain=30"]))
    #expect(loss.count == 130)
    #expect(loss.byKind.map(\.kind) == ["peer-reset", "drain"])
    #expect(loss.byKind.map(\.count) == [100, 30])
    let forged = LossEntry(.of([.lostCount: "many", .lostByCause: "= a= =1 b=x c=-1 \u{1B}=2"]))
    #expect(forged.count == 0)
    #expect(forged.byKind.map(\.kind) == ["\\x1b"])
  }

  @Test("Random bytes in any field decode to something, and never trap")
  func random() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<50 {
      var fields = EntryFields(wanted: JournalField.ofConnections)
      fields.time = .random(in: 0 ... .max, using: &generator)
      for field in JournalField.ofConnections {
        let count = Int.random(in: 0..<40, using: &generator)
        fields.take(
          field.rawValue, (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
      }
      let entry = CloseEntry(fields)
      var tally = CloseTally.of([entry, entry], span: .all)
      tally.add(LossEntry(fields))
      _ = CloseTable(tally, style: .blocks).text
      _ = CloseLine(clock: .utc, isColored: true).text(entry)
      var output: [UInt8] = []
      CloseJSON.append(fields, to: &output)
      #expect(String(validating: output, as: UTF8.self) != nil)
      #expect(output.allSatisfy { $0 >= 0x20 || $0 == 0x0A })
    }
  }
}
