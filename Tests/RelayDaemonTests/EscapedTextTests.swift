// Nobody can forge a line: hostile text through every field and every form of a record.

import CloseEvents
import Foundation
import RelayConfiguration
import Testing

@testable import RelayCore
@testable import RelayDaemon

@Suite("Text from peers")
struct EscapedTextTests {
  /// Every C0 and C1 control and DEL, the rest one by one, and what forgers combine them to.
  static let corpus: [String] =
    ((0...0x1F).map { $0 } + (0x7F...0x9F).map { $0 }).compactMap { (value: UInt32) in
      Unicode.Scalar(value).map { "a\(Character($0))b" }
    } + [
      "x\nMESSAGE=closed 1000 peer-close", "x\r\nWSRELAY_CAUSE=drain", "x\u{0}y",
      "\u{1B}[2J\u{1B}[H", "\u{1B}]0;owned\u{7}", "\u{9B}31m", "\u{2028}forged", "\u{2029}forged",
      "\u{202E}gnp.exe", "\u{202A}a\u{202C}", "\u{2066}a\u{2069}", "\u{200E}\u{200F}\u{61C}",
      "\u{FEFF}bom", "zero\u{200B}width", "a\u{200D}b", "soft\u{AD}hyphen", "\u{FFF9}a\u{FFFB}",
      "non\u{FFFF}character", "\u{10FFFE}",
      "tag\u{E0041}", "\u{2060}join", "\u{180E}", "\\n is not a line break", "\\x0a", "\\",
      "ends with \\", "\"}, {\"MESSAGE\":\"forged", "a\u{301}\n", "\r", "\u{85}", "a=b\u{0B}c",
      " after 1s, idle 0s, rx 0 tx 0", "\n\n\n\n", String(repeating: "\n", count: 400),
      String(repeating: "\u{1F468}\u{200D}\u{1F469}", count: 100), "<0>kernel: panic",
      "\u{1B}7\u{1B}[1;1Hroot@host", "%s%n%x", "\u{0}\u{1}\u{2}",
    ]

  private static func escaped(_ bytes: [UInt8], limit: Int = 256, asWord: Bool = false) -> [UInt8] {
    var output: [UInt8] = []
    bytes.withUnsafeBufferPointer {
      EscapedText.append($0, to: &output, limit: limit, asWord: asWord)
    }
    return output
  }

  private static func text(_ text: String, limit: Int = 256, asWord: Bool = false) -> String {
    String(decoding: escaped(Array(text.utf8), limit: limit, asWord: asWord), as: UTF8.self)
  }

  private static func isInert(_ bytes: some Sequence<UInt8>) -> Bool {
    guard let text = String(validating: bytes, as: UTF8.self) else { return false }
    return text.unicodeScalars.allSatisfy { scalar in
      // systemd does not take them for UTF-8.
      if scalar.properties.isNoncharacterCodePoint { return false }
      return switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: false
      default: true
      }
    }
  }

  @Test("The corpus is large enough") func corpusSize() { #expect(Self.corpus.count >= 100) }

  @Test("Escapes read as what they stand for")
  func escapes() {
    #expect(Self.text("a\nb") == "a\\x0ab")
    #expect(Self.text("\u{1B}[0m") == "\\x1b[0m")
    #expect(Self.text("\u{7F}") == "\\x7f")
    #expect(Self.text("\u{9B}") == "\\u{9b}")
    #expect(Self.text("\u{2028}\u{202E}") == "\\u{2028}\\u{202e}")
    #expect(Self.text("\u{FFFF}\u{1FFFE}") == "\\u{ffff}\\u{1fffe}")
    #expect(Self.text("\\x0a") == "\\\\x0a")
    #expect(Self.text("grüße, 日本 🙂") == "grüße, 日本 🙂")
    #expect(Self.text("a b", asWord: true) == "a\\x20b")
  }

  @Test("Of all characters those that nobody would see are escaped")
  func unseen() {
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value), scalar.properties.isDefaultIgnorableCodePoint
      else { continue }
      let escape = "\\u{\(String(value, radix: 16))}"
      if Self.text(String(scalar)) != escape { Issue.record("\(escape) is not escaped") }
    }
  }

  @Test(
    "What is not UTF-8 is shown byte by byte",
    arguments: [
      ([0x80], "\\x80"), ([0xC0, 0xAF], "\\xc0\\xaf"), ([0xC3], "\\xc3"), ([0xC3, 0x28], "\\xc3("),
      ([0xE2, 0x80], "\\xe2\\x80"), ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"),
      ([0xE0, 0x80, 0x8A], "\\xe0\\x80\\x8a"), ([0xF4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"),
      ([0xFF, 0x41], "\\xffA"), ([0xEF, 0xB7, 0x90], "\\u{fdd0}"), ([0xF0, 0x9F, 0x99, 0x82], "🙂"),
    ] as [([UInt8], String)])
  func invalidEncoding(bytes: [UInt8], expected: String) {
    #expect(String(decoding: Self.escaped(bytes), as: UTF8.self) == expected)
  }

  @Test("No byte that acts comes out of any field of any form", arguments: corpus)
  func inert(hostile: String) throws {
    let closed = ClosedConnection.sample {
      ($0.reasonSent, $0.reasonReceived, $0.path) = (hostile, hostile, "/\(hostile)")
      ($0.channel, $0.route, $0.listener) = ("/\(hostile)", hostile, hostile)
      ($0.origin, $0.subprotocol, $0.userAgent) = (hostile, hostile, hostile)
      $0.detail = hostile
    }
    var refused = RefusedHandshake.sample(path: "/\(hostile)")
    (refused.rule, refused.origin, refused.userAgent) = (hostile, hostile, hostile)
    let report = DaemonReport(event: nil, priority: .error, message: hostile)
    let makers: [(StandardErrorLayout?) -> JournalEntry] = [
      { JournalEntry.of(closed, $0) }, { JournalEntry.of(.refused(refused), $0) },
      { JournalEntry.of(report, $0) },
    ]
    for make in makers {
      let entry = make(nil)
      let fields = entry.dictionary
      #expect(entry.bytes.withUnsafeBytes { Self.isInert($0) })
      #expect(Set(fields.keys).isSubset(of: JournalField.allCases.map(\.rawValue)))
      #expect(Self.isInert(make(.text).line.utf8))
      let line = make(.json).line
      #expect(Self.isInert(line.utf8))
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
      var shown = try #require(object)
      #expect(shown.removeValue(forKey: "__REALTIME_TIMESTAMP") != nil)
      #expect(shown == fields)
    }
  }

  @Test("A path cannot add words to the line")
  func words() {
    let closed = ClosedConnection.sample {
      $0.channel = "/x 10.0.0.1:1 after 1s, idle 0s, rx 0 tx 0"
    }
    let message = JournalEntry.of(closed).dictionary["MESSAGE"] ?? ""
    #expect(message.split(separator: " ").count == 13)
  }

  @Test("Text is capped where a character ends", arguments: 1...4)
  func capped(length: Int) {
    let character = ["a", "é", "日", "🙂"][length - 1]
    for limit in 100...112 {
      let whole = String(repeating: character, count: limit / length)
      #expect(Self.text(whole, limit: limit) == whole)
      let cut = Self.text(whole + character + character, limit: limit)
      #expect(cut.utf8.count <= limit)
      #expect(cut.utf8.count > limit - length)
      #expect(cut.hasSuffix("…"))
      #expect(cut.dropLast().allSatisfy { String($0) == character })
    }
    #expect(Self.escaped([UInt8](repeating: 0x80, count: 300)).count == 253 * 4 + 3)
  }

  @Test("Close reasons keep 123 bytes, everything else 256")
  func caps() {
    let long = String(repeating: "x", count: 1000)
    let fields = JournalEntry.of(
      .sample { ($0.reasonSent, $0.userAgent, $0.path) = (long, long, "/\(long)") }
    ).dictionary
    #expect(fields["WSRELAY_REASON_SENT"]?.utf8.count == 123)
    #expect(fields["WSRELAY_USER_AGENT"]?.utf8.count == 256)
    #expect(fields["WSRELAY_PATH"]?.utf8.count == 256)
    let whole = String(repeating: "x", count: 123)
    let kept = JournalEntry.of(.sample { $0.reasonReceived = whole }).dictionary
    #expect(kept["WSRELAY_REASON_RECEIVED"] == whole)
  }
}
