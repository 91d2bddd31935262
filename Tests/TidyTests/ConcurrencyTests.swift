// Where the compiler's proof of freedom from data races is waived, and why each place is safe.

import Testing

@Suite("Concurrency")
struct ConcurrencyTests {
  /// One waiver: how many lines of a file have it, and the reason that makes them safe.
  struct Waiver: Sendable {
    let path: String
    let count: Int
    let why: String
  }

  /// Every waiver in Sources. A new one needs a line here, and a reviewer who believes its reason.
  static let unchecked: [Waiver] = [
    Waiver(
      path: "Sources/TLS/TLSSettings.swift", count: 1,
      why: "OpenSSL's objects, only read once they are made; it counts references atomically"),
    Waiver(
      path: "Sources/TLS/RecordBuffers.swift", count: 1,
      why: "Method: a table of functions that is complete before anyone sees it"),
  ]
  static let unsafe: [Waiver] = [
    Waiver(
      path: "Sources/RelayEngine/Mailbox.swift", count: 1,
      why: "SharedBatch: written before it is posted, only read after, freed by its last owner")
  ]

  @Test("unchecked Sendable only where listed")
  func uncheckedSendable() {
    check("@unchecked" + " Sendable", against: Self.unchecked)
  }

  @Test("nonisolated unsafe state only where listed")
  func nonisolatedUnsafe() {
    check("nonisolated" + "(unsafe)", against: Self.unsafe)
  }

  private func check(_ text: String, against waivers: [Waiver]) {
    var found: [String: Int] = [:]
    for file in SourceTree.repository.swift where file.path.hasPrefix("Sources/") {
      let count = file.lines.filter { line in
        line.contains(text) && !line.drop(while: \.isWhitespace).hasPrefix("//")
      }.count
      if count > 0 { found[file.path] = count }
    }
    let listed = Dictionary(uniqueKeysWithValues: waivers.map { ($0.path, $0.count) })
    for path in Set(found.keys).union(listed.keys).sorted() {
      #expect(
        found[path, default: 0] == listed[path, default: 0],
        "\(path): \(text) on \(found[path, default: 0]) lines, listed \(listed[path, default: 0])")
    }
    for waiver in waivers { #expect(!waiver.why.isEmpty, "\(waiver.path): no reason") }
  }
}
