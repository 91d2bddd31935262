// systemd/wsrelay.catalog explains every entry that wsrelay writes, and nothing else.
// `WSRELAY_REGENERATE=1 swift test --filter MessageCatalogTests` brings the file up to date.

import Foundation
import RelayCore
import Testing

@testable import CloseEvents

@Suite("Message catalog")
struct MessageCatalogTests {
  private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "systemd/wsrelay.catalog")

  private let catalog: String

  init() throws {
    if ProcessInfo.processInfo.environment["WSRELAY_REGENERATE"] != nil {
      try MessageCatalog.text.write(to: Self.file, atomically: true, encoding: .utf8)
    }
    catalog = try String(contentsOf: Self.file, encoding: .utf8)
  }

  private var identifiers: [String] {
    catalog.split(separator: "\n").filter { $0.hasPrefix("-- ") }.map { String($0.dropFirst(3)) }
  }

  @Test("The file is what the explanations say")
  func current() { #expect(catalog == MessageCatalog.text) }

  @Test("Every cause and every event has one text, and there are no others")
  func complete() {
    let known = CloseCause.allCases.map(\.messageID) + RecordEvent.allCases.compactMap(\.messageID)
    #expect(Set(known).count == known.count)
    #expect(identifiers.sorted() == known.sorted())
  }

  @Test("Every message id is 128 bits in hexadecimal")
  func wellFormed() {
    for identifier in identifiers {
      #expect(identifier.count == 32 && identifier.allSatisfy { $0.isHexDigit && !$0.isUppercase })
    }
  }

  @Test("Only fields that entries have are referred to")
  func fields() {
    let references = catalog.matches(of: /@([A-Z_]+)@/).map { String($0.output.1) }
    #expect(references.count > 100)
    #expect(references.filter { JournalField(rawValue: $0) == nil }.isEmpty)
  }

  @Test("No line is too long for a terminal, nor taken for the head of another entry")
  func lines() {
    for line in catalog.split(separator: "\n") where !line.contains("@") {
      #expect(line.count <= 100, "\(line)")
      #expect(!line.hasPrefix("--") || line.wholeMatch(of: /-- [0-9a-f]{32}/) != nil, "\(line)")
    }
  }
}
