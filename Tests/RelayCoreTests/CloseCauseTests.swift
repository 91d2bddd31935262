// The vocabulary of close events, against its table in the documentation.

import Foundation
import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

@Suite("Close causes")
struct CloseCauseTests {
  /// Slug, initiator, layer, priority, as docs/close-events.md promises them.
  private static let table: [(String, String, String, Int)] = [
    ("peer-close", "peer", "close", 6), ("peer-close-error", "peer", "close", 5),
    ("peer-fin", "peer", "tcp", 5), ("peer-reset", "peer", "tcp", 5),
    ("network-timeout", "network", "tcp", 5), ("close-timeout", "peer", "close", 5),
    ("idle-timeout", "relay", "liveness", 6), ("pong-timeout", "relay", "liveness", 5),
    ("max-lifetime", "relay", "policy", 6), ("protocol-error", "relay", "frame", 4),
    ("unsupported-data", "relay", "frame", 4), ("invalid-utf8", "relay", "frame", 4),
    ("invalid-deflate", "relay", "frame", 4), ("message-too-big", "relay", "policy", 4),
    ("rate-limit", "relay", "policy", 4), ("slow-consumer", "relay", "resource", 4),
    ("shed", "relay", "resource", 3),
    ("kick", "operator", "admin", 5), ("drain", "operator", "lifecycle", 6),
    ("restart", "operator", "lifecycle", 6), ("route-removed", "operator", "lifecycle", 5),
    ("tls-failure", "peer", "tls", 5), ("internal-error", "relay", "relay", 3),
  ]

  @Test func vocabulary() {
    #expect(Self.table.map(\.0) == CloseCause.allCases.map(\.slug))
    for (slug, initiator, layer, priority) in Self.table {
      let cause = CloseCause(rawValue: slug)
      #expect(cause?.initiator.rawValue == initiator, "\(slug)")
      #expect(cause?.layer.rawValue == layer, "\(slug)")
      #expect(cause?.priority == priority, "\(slug)")
    }
  }

  @Test("The documentation names every cause with the same words")
  func documentation() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "docs/close-events.md"), encoding: .utf8)
    for cause in CloseCause.allCases { #expect(text.contains("`\(cause.slug)`"), "\(cause.slug)") }
  }

  @Test(
    arguments: [
      (32, .peerReset), (103, .peerReset), (104, .peerReset), (110, .networkTimeout),
      (113, .networkTimeout), (101, .networkTimeout), (12, .shed), (24, .shed), (105, .shed),
      (9, .internalError), (22, .internalError),
    ] as [(Int32, CloseCause)])
  func errors(errno: Int32, cause: CloseCause) { #expect(CloseCause(errno: errno) == cause) }

  @Test func effectiveCode() throws {
    let driver = CoreDriver(Route.builtIn)
    driver.connect("/echo").end()
    var closed = try #require(driver.recording.closed.first)
    #expect(closed.effectiveCode == .abnormalClosure)
    closed.cause = .tlsFailure
    #expect(closed.effectiveCode == .tlsHandshake)
    closed.codeSent = .goingAway
    #expect(closed.effectiveCode == .goingAway)
    closed.codeReceived = .noStatusReceived
    #expect(closed.effectiveCode == .noStatusReceived)
  }
}
