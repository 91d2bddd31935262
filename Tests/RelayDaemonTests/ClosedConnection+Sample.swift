// Records that tests start from: one connection that ended, in the order of the design's example.

import RelayDaemon
import WebSocketProtocol

@testable import RelayCore

extension PeerAddress {
  static let documentation = PeerAddress(
    family: .ipv4, port: 51234, high: 0xC000_0207 << 32, low: 0)
  static let proxy = PeerAddress(family: .ipv4, port: 443, high: 0x0A00_0001 << 32, low: 0)
}

extension ClosedConnection {
  /// A connection in a chat room that lived 3m12s; every field that may be unknown is unknown.
  static func sample(
    cause: CloseCause = .peerReset, connectionID: UInt64 = 0xFEED, sent: CloseCode? = nil,
    received: CloseCode? = nil, order: CloseOrder = .none, errno: Int32 = 0,
    change: (inout ClosedConnection) -> Void = { _ in }
  ) -> ClosedConnection {
    var closed = ClosedConnection(
      connectionID: connectionID, cause: cause, initiator: cause.initiator, detail: "",
      phase: .open, errno: errno,
      codeSent: sent, codeReceived: received, reasonSent: "", reasonReceived: "", order: order,
      isClean: false, route: "/chat/{room}", channel: "/chat/lobby", listener: "127.0.0.1:8080",
      peer: .documentation, via: nil, path: "/chat/lobby", origin: "", subprotocol: "",
      userAgent: "", duration: 192_000_000, idle: 41_000_000, pingRoundTrip: nil,
      receivedMessageCount: 120, receivedByteCount: 4096, sentMessageCount: 4518,
      sentByteCount: 160_000, droppedMessageCount: 0, unsentByteCount: 0, tcpRetransmitCount: nil,
      tcpRoundTrip: nil)
    change(&closed)
    return closed
  }

  /// The same with everything known.
  static func complete(cause: CloseCause, connectionID: UInt64) -> ClosedConnection {
    sample(
      cause: cause, connectionID: connectionID, sent: .goingAway, received: .goingAway,
      order: .sentFirst, errno: 104
    ) {
      $0.detail = "max_message_size=65536 got=70000"
      $0.phase = .closing
      $0.reasonSent = "going\naway"
      $0.reasonReceived = "gr\u{FC}\u{DF}e"
      $0.isClean = true
      $0.via = .proxy
      $0.path = "/chat/lobby?token=s3cret&x=1"
      $0.origin = "https://example.org"
      $0.subprotocol = "chat.v2"
      $0.userAgent = "Mozilla/5.0 (\"X\"; \\)"
      $0.pingRoundTrip = 1234
      $0.droppedMessageCount = 3
      $0.unsentByteCount = 99
      $0.tcpRetransmitCount = 7
      $0.tcpRoundTrip = 20_000
      $0.restartCount = 2
    }
  }
}

extension RefusedHandshake {
  static func sample(path: String = "/nowhere?key=abc", status: Int = 404) -> RefusedHandshake {
    RefusedHandshake(
      connectionID: 0xBEEF, status: status, rule: "no route for this path", listener: "*:80",
      peer: .documentation, via: .proxy, path: path, origin: "https://example.org",
      userAgent: "curl/8.5", duration: 850)
  }
}

extension OpenedConnection {
  static let sample = OpenedConnection(
    connectionID: 0xABC, route: "/chat/{room}", listener: "*:80", peer: .unix,
    path: "/chat/lobby?a=1", origin: "https://example.org", subprotocol: "chat.v2",
    userAgent: "curl/8.5")
}
