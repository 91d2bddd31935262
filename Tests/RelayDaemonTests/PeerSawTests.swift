// What a browser's CloseEvent most likely showed: one row for each way a close can go.

import Testing
import WebSocketProtocol

@testable import RelayCore
@testable import RelayDaemon

@Suite("What the peer saw")
struct PeerSawTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let closed: ClosedConnection
    let saw: String

    init(
      _ name: String, _ cause: CloseCause, sent: UInt16? = nil, received: UInt16? = nil,
      _ order: CloseOrder = .none, errno: Int32 = 0, unsent: UInt64 = 0, saw: String
    ) {
      testDescription = name
      closed = .sample(
        cause: cause, sent: sent.map { CloseCode(rawValue: $0) },
        received: received.map { CloseCode(rawValue: $0) }, order: order, errno: errno
      ) { $0.unsentByteCount = unsent }
      self.saw = saw
    }
  }

  static let none = "1006 wasClean=false"
  static let rows = [
    Row(
      "its own code, echoed", .peerClose, sent: 4001, received: 4001, .receivedFirst,
      saw: "4001 wasClean=true"),
    Row(
      "an empty Close for an empty one", .peerClose, sent: 1005, received: 1005, .receivedFirst,
      saw: "1005 wasClean=true"),
    Row(
      "gone before our answer", .peerClose, sent: 1000, received: 1000, .receivedFirst, errno: 32,
      saw: none),
    Row(
      "our answer stuck in the queue", .peerClose, sent: 1000, received: 1000, .receivedFirst,
      unsent: 4, saw: none),
    Row(
      "closed, then reset before we answered", .peerReset, received: 1000, .receivedFirst, saw: none
    ),
    Row(
      "a browser that failed the connection itself", .peerCloseError, sent: 1002, received: 1002,
      .receivedFirst, saw: none),
    Row(
      "our answer taken, TCP left open", .closeTimeout, sent: 1000, received: 1000, .receivedFirst,
      saw: "1000 wasClean=true"),
    Row("our Close never answered", .idleTimeout, sent: 1001, .sentFirst, saw: none),
    Row(
      "our Close answered", .idleTimeout, sent: 1001, received: 1001, .sentFirst,
      saw: "1001 wasClean=true"),
    Row(
      "answered with another code", .maxLifetime, sent: 1001, received: 1000, .sentFirst,
      saw: "1001 wasClean=true"),
    Row(
      "answered, then reset", .drain, sent: 1001, received: 1001, .sentFirst, errno: 104,
      saw: "1001 wasClean=true"),
    Row("dead network", .pongTimeout, sent: 1011, .sentFirst, errno: 110, saw: none),
    Row(
      "bad frame: we no longer listen", .protocolError, sent: 1002, .sentFirst,
      saw: "1002 wasClean=true"),
    Row(
      "too big: we no longer listen", .messageTooBig, sent: 1009, .sentFirst,
      saw: "1009 wasClean=true"),
    Row(
      "too big, then reset", .messageTooBig, sent: 1009, .sentFirst, errno: 104, saw: none),
    Row(
      "Close behind what it never read", .slowConsumer, sent: 1013, .sentFirst, unsent: 9, saw: none
    ),
    Row(
      "slow, but caught up", .slowConsumer, sent: 1013, received: 1013, .sentFirst,
      saw: "1013 wasClean=true"),
    Row("FIN without Close", .peerFin, saw: none),
    Row("reset", .peerReset, errno: 104, saw: none),
    Row("TLS failed", .tlsFailure, saw: none),
  ]

  @Test("The most likely CloseEvent", arguments: rows)
  func saw(row: Row) {
    #expect(row.closed.peerSaw == row.saw)
    #expect(JournalEntry.of(row.closed).dictionary["WSRELAY_PEER_SAW"] == row.saw)
  }
}
