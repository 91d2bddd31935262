// The server's side of the opening handshake: what it accepts and keeps, what it refuses with which
// answer, and the bytes of its answers.

import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §4.2.1: reading the client's opening handshake")
struct OpeningHandshakeTests {
  @Test func exampleOfTheRFC() throws {
    let text = RequestText(
      adding: ["Origin: http://example.com", "Sec-WebSocket-Protocol: chat, superchat"])
    let frames: [UInt8] = [0x81, 0x80, 0, 0, 0, 0]
    let progress = receive(text.bytes + frames)
    #expect(
      progress
        == .request(
          UpgradeRequest(
            path: "/chat", origin: "http://example.com",
            acceptKey: AcceptKey(to: Array("dGhlIHNhbXBsZSBub25jZQ==".utf8)),
            subprotocols: ["chat", "superchat"]), byteCount: text.bytes.count))
  }

  private static let valid: [RequestText] = [
    RequestText(),
    RequestText().replacing("Upgrade", with: ["upgrade: WebSocket"]),
    RequestText().replacing("Upgrade", with: ["UPGRADE: h2c, websocket"]),
    RequestText().replacing("Upgrade", with: ["Upgrade: h2c", "Upgrade: WEBSOCKET"]),
    RequestText().replacing("Connection", with: ["connection: keep-alive, Upgrade"]),
    RequestText().replacing("Connection", with: ["Connection: UPGRADE,keep-alive"]),
    RequestText().replacing("Connection", with: ["Connection: keep-alive", "Connection: upgrade"]),
    RequestText().replacing("Connection", with: ["Connection: , ,\tupgrade ,,"]),
    RequestText().replacing("Host", with: ["Host:localhost:8080"]),
    RequestText().replacing("Host", with: ["Host: [2001:db8::1]:443"]),
    RequestText().replacing("Host", with: ["hOsT:\t10.0.0.1 \t"]),
    RequestText().replacing("Host", with: ["Host: under_score.example:"]),
    RequestText().replacing("Sec-WebSocket-Key", with: ["SEC-WEBSOCKET-KEY:\(RequestText.key)"]),
    RequestText().replacing("Sec-WebSocket-Version", with: ["sec-websocket-version:   13  "]),
    RequestText(adding: ["Origin: null"]),
    RequestText(adding: ["Origin: moz-extension://0a-b", "User-Agent: x", "User-Agent: y"]),
    RequestText(adding: ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b, c"]),
    RequestText(adding: ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]),
    RequestText("GET http://h/chat?q HTTP/1.1", adding: ["Cookie: a=b", "Content-Length: 0"]),
  ]

  @Test(arguments: valid.indices)
  func acceptedAtEverySplit(index: Int) {
    let bytes = Self.valid[index].bytes
    let whole = receive(bytes)
    #expect(whole.status == 101, "\(whole)")
    for split in 0...bytes.count { #expect(receive(bytes, splitAt: split) == whole) }
    let (progress, byteCount) = receiveBytewise(bytes + [0x81])
    #expect(progress == whole && byteCount == bytes.count)
  }

  private static let refused: [(Int, RequestText)] = [
    (400, RequestText().replacing("Host", with: [])),
    (400, RequestText().replacing("Host", with: ["Host: a", "Host: a"])),
    (400, RequestText().replacing("Host", with: ["Host:"])),
    (400, RequestText().replacing("Host", with: ["Host: a b"])),
    (400, RequestText().replacing("Host", with: ["Host: a, b"])),
    (400, RequestText().replacing("Host", with: ["Host: user@a"])),
    (400, RequestText().replacing("Host", with: ["Host: a/b"])),
    (400, RequestText().replacing("Host", with: ["Host: a:80:90"])),
    (400, RequestText().replacing("Host", with: ["Host: a:port"])),
    (400, RequestText().replacing("Host", with: ["Host: a:1234567"])),
    (400, RequestText().replacing("Host", with: ["Host: [::1"])),
    (400, RequestText().replacing("Host", with: ["Host: []"])),
    (400, RequestText().replacing("Host", with: ["Host: [::1]x"])),
    (400, RequestText().replacing("Host", with: ["Host: é"])),
    (400, RequestText().replacing("Host", with: ["Host: " + String(repeating: "a", count: 262)])),
    (400, RequestText("GET http://h/ HTTP/1.1").replacing("Host", with: [])),
    (426, RequestText().replacing("Upgrade", with: [])),
    (426, RequestText().replacing("Upgrade", with: ["Upgrade:"])),
    (426, RequestText().replacing("Upgrade", with: ["Upgrade: h2c"])),
    (426, RequestText().replacing("Upgrade", with: ["Upgrade: websocket/13"])),
    (426, RequestText().replacing("Upgrade", with: ["Upgrade: websockets"])),
    (426, RequestText().replacing("Upgrade", with: ["Upgrade: \"websocket\""])),
    (400, RequestText().replacing("Connection", with: [])),
    (400, RequestText().replacing("Connection", with: ["Connection:"])),
    (400, RequestText().replacing("Connection", with: ["Connection: keep-alive"])),
    (400, RequestText().replacing("Connection", with: ["Connection: close"])),
    (400, RequestText().replacing("Connection", with: ["Connection: upgraded"])),
    (400, RequestText().replacing("Connection", with: ["Connection: up grade"])),
    (400, RequestText().replacing("Sec-WebSocket-Version", with: [])),
    (426, RequestText().replacing("Sec-WebSocket-Version", with: ["Sec-WebSocket-Version: 8"])),
    (426, RequestText().replacing("Sec-WebSocket-Version", with: ["Sec-WebSocket-Version: 14"])),
    (426, RequestText().replacing("Sec-WebSocket-Version", with: ["Sec-WebSocket-Version: 013"])),
    (426, RequestText().replacing("Sec-WebSocket-Version", with: ["Sec-WebSocket-Version: 13, 8"])),
    (426, RequestText().replacing("Sec-WebSocket-Version", with: ["Sec-WebSocket-Version:"])),
    (400, RequestText(adding: ["Sec-WebSocket-Version: 13"])),
    (400, RequestText().replacing("Sec-WebSocket-Key", with: [])),
    (400, RequestText().replacing("Sec-WebSocket-Key", with: ["Sec-WebSocket-Key:"])),
    (400, RequestText().replacing("Sec-WebSocket-Key", with: ["Sec-WebSocket-Key: Zm9v"])),
    (400, RequestText(adding: ["Sec-WebSocket-Key: \(RequestText.key)"])),
    (400, RequestText(adding: ["Origin: https://a", "Origin: https://a"])),
    (400, RequestText(adding: ["Origin:"])),
    (400, RequestText(adding: ["Origin: https://a https://b"])),
    (400, RequestText(adding: ["Origin: https://é.example"])),
    (431, RequestText(adding: ["Origin: https://" + String(repeating: "a", count: 249)])),
    (400, RequestText(adding: ["Sec-WebSocket-Protocol:"])),
    (400, RequestText(adding: ["Sec-WebSocket-Protocol: ,"])),
    (400, RequestText(adding: ["Sec-WebSocket-Protocol: a b"])),
    (400, RequestText(adding: ["Sec-WebSocket-Protocol: a/b"])),
    (400, RequestText(adding: ["Sec-WebSocket-Protocol: \"a\""])),
    (400, RequestText(adding: ["Sec-WebSocket-Protocol: a, b, a"])),
    (400, RequestText(adding: ["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: a"])),
    (400, RequestText(adding: (0..<65).map { "Sec-WebSocket-Protocol: p\($0)" })),
    (400, RequestText(adding: ["Sec-WebSocket-Extensions:"])),
    (400, RequestText(adding: (0..<65).map { "Sec-WebSocket-Extensions: e\($0)" })),
  ]

  @Test(arguments: refused.indices)
  func refusedAtEverySplit(index: Int) {
    let (status, text) = Self.refused[index]
    let bytes = text.bytes
    let whole = receive(bytes)
    #expect(whole.status == status, "\(whole)")
    for split in 0...bytes.count { #expect(receive(bytes, splitAt: split) == whole) }
  }

  @Test func userAgentIsCapped() throws {
    let limits = HandshakeLimits(maximumRecordedHeaderByteCount: 10)
    for (sent, kept) in [
      ("0123456789", "0123456789"), ("0123456789a", "0123456789"), ("01234567é9", "01234567é"),
      ("012345678é", "012345678"), ("0123456€", "0123456€"), ("0123456😀", "0123456"),
    ] {
      let bytes = RequestText(adding: ["User-Agent: \(sent)"]).bytes
      #expect(try #require(receive(bytes, limits: limits).accepted).userAgent == kept)
    }
    var bytes = RequestText(adding: ["User-Agent: ~~~~~~~~"]).bytes
    while let index = bytes.firstIndex(of: UInt8(ascii: "~")) { bytes[index] = 0xFF }
    let agent = try #require(receive(bytes, limits: limits).accepted).userAgent
    #expect(agent == "\u{FFFD}\u{FFFD}\u{FFFD}")
  }

  @Test func refusalKnowsWhatCameBefore() throws {
    let text = RequestText("GET /room/7?token=secret HTTP/1.1", adding: ["Origin: https://a"])
      .replacing("Upgrade", with: ["User-Agent: curl/8"])
    let refusal = try #require(receive(text.bytes).refusal)
    #expect(refusal.path == "/room/7")
    #expect(refusal.origin == "https://a")
    #expect(refusal.userAgent == "curl/8")
  }
}

@Suite("RFC 6455 §9.1: offered extensions")
struct ExtensionOfferTests {
  private func parse(_ value: String) throws -> [ExtensionOffer] {
    try Array(value.utf8).withUnsafeBytes { buffer in try ExtensionOffer.parseList(buffer) }
  }

  @Test(
    arguments: [
      ("a", "a"), (" a ", "a"), ("a,b", "a, b"), (",a,,b,", "a, b"), ("a;b", "a; b"),
      ("a ; b = c", "a; b=c"), ("a;b=\"c\"", "a; b=c"), ("a;b=\"\\c\\d\"", "a; b=cd"),
      ("a; b=1; b=2", "a; b=1; b=2"), ("a;b=\"c\" ; d , e;f", "a; b=c; d, e; f"),
      (
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10"
      ), ("a, a", "a, a"),
    ])
  func accepted(value: String, canonical: String) throws {
    #expect(try parse(value).map(\.description).joined(separator: ", ") == canonical)
  }

  @Test(
    arguments: [
      "", " ", ",", ";", "=", "a;", "a;;b", "a;=b", "a;b=", "a;b=,", "a b", "a=b", "a;b c",
      "a;b=c d",
      "a;b=\"", "a;b=\"c", "a;b=\"c\\", "a;b=\"c\\\"", "a;b=\"\"", "a;b=\"c d\"", "a;b=\"c\"d",
      "a;b=\"c,d\"", "\"a\"", "a;\"b\"", "a/b", "é", "a;b=é", "a;b='c d'", "a\\b",
    ])
  func refused(value: String) {
    #expect(throws: HTTPFault.self) { try parse(value) }
  }
}

@Suite("RFC 6455 §4.2.2: the server's answers")
struct HandshakeAnswerTests {
  private let request = UpgradeRequest(
    path: "/chat", origin: "https://a", userAgent: "u",
    acceptKey: AcceptKey(to: Array("dGhlIHNhbXBsZSBub25jZQ==".utf8)), subprotocols: ["chat"])

  @Test func switchingProtocols() {
    let plain = OpeningHandshake.withResponse(
      to: request, subprotocol: nil, extensions: nil, Array.init)
    let head =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    #expect(String(decoding: plain, as: UTF8.self) == head + "\r\n")
    let full = OpeningHandshake.withResponse(
      to: request, subprotocol: "chat", extensions: "x; y", Array.init)
    #expect(
      String(decoding: full, as: UTF8.self)
        == head + "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: x; y\r\n\r\n")
  }

  @Test func subprotocolByTheServersPreference() {
    let offered = ["a", "b", "c"]
    #expect(OpeningHandshake.selectSubprotocol(offered: offered, supported: ["c", "a"]) == "c")
    #expect(OpeningHandshake.selectSubprotocol(offered: offered, supported: ["A", "x"]) == nil)
    #expect(OpeningHandshake.selectSubprotocol(offered: [], supported: ["a"]) == nil)
    #expect(OpeningHandshake.selectSubprotocol(offered: offered, supported: []) == nil)
  }

  private static let refusals: [(HandshakeRefusal, String, [String])] = [
    (.noRoute(path: "/x"), "404 Not Found", []), (.originRefused, "403 Forbidden", []),
    (.noCommonSubprotocol, "400 Bad Request", []), (.timedOut, "408 Request Timeout", []),
    (.tooManyConnectionsFromPeer, "429 Too Many Requests", []),
    (
      .tooManyConnections(retryAfter: .seconds(5)), "503 Service Unavailable", ["Retry-After: 5"]
    ),
    (
      .draining(retryAfter: .milliseconds(1500)), "503 Service Unavailable", ["Retry-After: 2"]
    ), (.draining(retryAfter: .seconds(-1)), "503 Service Unavailable", ["Retry-After: 0"]),
    (HandshakeRefusal(status: 405, rule: "r"), "405 Method Not Allowed", ["Allow: GET"]),
    (
      HandshakeRefusal(status: 426, rule: "r"), "426 Upgrade Required",
      ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    ),
    (
      HandshakeRefusal.shortOfMemory(retryAfter: .seconds(5)), "503 Service Unavailable",
      ["Retry-After: 5"]
    ), (HandshakeRefusal(status: 414, rule: "r"), "414 URI Too Long", []),
    (HandshakeRefusal(status: 431, rule: "r"), "431 Request Header Fields Too Large", []),
    (HandshakeRefusal(status: 505, rule: "r"), "505 HTTP Version Not Supported", []),
  ]

  @Test(arguments: refusals.indices)
  func refusalOnTheWire(index: Int) throws {
    let (refusal, status, fields) = Self.refusals[index]
    let text = String(decoding: refusal.response(), as: UTF8.self)
    let end = try #require(text.firstRange(of: "\r\n\r\n"))
    let lines = text[..<end.lowerBound].split(separator: "\r\n").map(String.init)
    let body = text[end.upperBound...]
    #expect(lines.first == "HTTP/1.1 \(status)")
    #expect(lines.contains("Connection: close"))
    #expect(lines.contains("Content-Length: \(body.utf8.count)"))
    #expect(lines.contains("Content-Type: text/plain; charset=utf-8"))
    for field in fields { #expect(lines.contains(field)) }
    #expect(body == refusal.rule + "\n")
    #expect(lines.count == 4 + fields.count)
  }

  @Test func refusalRecordsTheRequest() {
    let refusal = HandshakeRefusal.originRefused.recording(request)
    #expect(refusal.path == "/chat")
    #expect(refusal.origin == "https://a")
    #expect(refusal.userAgent == "u")
    #expect(HandshakeRefusal.noRoute(path: "/x").path == "/x")
  }

  @Test func timeoutRecordsWhatCame() {
    let bytes = Array("GET /slow?q HTTP/1.1\r\nUser-Agent: loris\r\nOrigin: https://a".utf8)
    let refusal = bytes.withUnsafeBytes {
      HandshakeRefusal.timedOut.recording(partialRequest: $0, limits: HandshakeLimits())
    }
    #expect(refusal.path == "/slow")
    #expect(refusal.userAgent == "loris")
    #expect(refusal.origin.isEmpty)
  }
}
