// The client's side of the opening handshake, against answers by hand and against our own server.

import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §4.1: the client's opening handshake")
struct ClientHandshakeTests {
  private static let client = ClientHandshake(
    path: "/chat?x=1", host: "h:80", key: Array("the sample nonce".utf8),
    subprotocols: ["chat", "superchat"],
    extensions: [ExtensionOffer(name: "deflate", parameters: [.init("bits", "10"), .init("y")])],
    extraHeaders: [HeaderField("Origin", "https://a")])

  private static let good = [
    "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  ]

  private static func bytes(_ lines: [String]) -> [UInt8] {
    Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  private static func receive(
    _ bytes: [UInt8], searchedByteCount: Int = 0
  ) -> Result<AcceptedUpgrade?, ClientHandshakeError> {
    bytes.withUnsafeBytes { buffer in
      do throws(ClientHandshakeError) {
        return .success(
          try client.receive(buffer, searchedByteCount: searchedByteCount)?.upgrade)
      } catch {
        return .failure(error)
      }
    }
  }

  @Test func request() {
    let expected =
      "GET /chat?x=1 HTTP/1.1\r\nHost: h:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
      + "Sec-WebSocket-Protocol: chat, superchat\r\n"
      + "Sec-WebSocket-Extensions: deflate; bits=10; y\r\nOrigin: https://a\r\n\r\n"
    #expect(String(decoding: Self.client.request(), as: UTF8.self) == expected)
  }

  @Test func agreesWithOurServer() throws {
    let request = try #require(
      WebSocketProtocolTests.receive(Self.client.request()).accepted)
    #expect(request.path == "/chat")
    #expect(request.origin == "https://a")
    #expect(request.extensions == Self.client.extensions)
    let response = OpeningHandshake.withResponse(
      to: request, subprotocol: "superchat", extensions: "deflate", Array.init)
    let upgrade = AcceptedUpgrade(
      subprotocol: "superchat", extensions: [ExtensionOffer(name: "deflate")])
    #expect(Self.receive(response) == .success(upgrade))
    for split in 0..<response.count {
      #expect(Self.receive(Array(response[..<split])) == .success(nil))
      #expect(Self.receive(response, searchedByteCount: split) == .success(upgrade))
    }
  }

  @Test(
    arguments: [
      good, good + ["Server: x"], good + ["Sec-WebSocket-Protocol: chat"],
      ["HTTP/1.1 101"] + good.dropFirst(), ["HTTP/1.1 101 "] + good.dropFirst(),
      ["HTTP/1.1 101 x", "upgrade: WebSocket", "connection: keep-alive, upgrade"]
        + good.suffix(1), good + ["Sec-WebSocket-Extensions: deflate; bits=9"],
    ])
  func accepted(lines: [String]) throws {
    #expect(try Self.receive(Self.bytes(lines)).get() != nil)
  }

  @Test(
    arguments: [
      (["HTTP/1.1 404 Not Found", "Upgrade: x"], .unexpectedStatus(404)),
      (["HTTP/1.1 200 OK"] + good.dropFirst(), .unexpectedStatus(200)),
      (["HTTP/1.0 503 x"], .unexpectedStatus(503)),
      (["HTTP/1.1 100 Continue"], .unexpectedStatus(100)),
      (good.filter { !$0.hasPrefix("Upgrade") }, .upgradeMissing),
      (good.map { $0 == "Upgrade: websocket" ? "Upgrade: h2c" : $0 }, .upgradeMissing),
      (good.filter { !$0.hasPrefix("Connection") }, .connectionMissing),
      (good.dropLast(), .acceptMismatch), (good + good.suffix(1), .acceptMismatch),
      (good.dropLast() + ["Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo="], .acceptMismatch),
      (good.dropLast() + ["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xO"], .acceptMismatch),
      (good + ["Sec-WebSocket-Protocol: other"], .unofferedSubprotocol("other")),
      (good + ["Sec-WebSocket-Protocol: Chat"], .unofferedSubprotocol("Chat")),
      (
        good + ["Sec-WebSocket-Protocol: chat, superchat"], .unofferedSubprotocol("chat, superchat")
      ),
      (
        good + ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"],
        .unofferedSubprotocol("chat")
      ), (good + ["Sec-WebSocket-Protocol:"], .unofferedSubprotocol("")),
      (good + ["Sec-WebSocket-Extensions: x"], .unofferedExtension("x")),
      (good + ["Sec-WebSocket-Extensions: deflate, x"], .unofferedExtension("x")),
    ] as [([String], ClientHandshakeError)])
  func refused(lines: [String], error: ClientHandshakeError) {
    #expect(Self.receive(Self.bytes(lines)) == .failure(error))
  }

  @Test(
    arguments: [
      ["HTTP/2 101 x"], ["HTTP/1.1 10"], ["HTTP/1.1 1O1 x"], ["HTTP/1.1  101"], ["ICY 200 OK"],
      ["HTTP/1.1 1011"], ["HTTP/1.1 006 x"], ["HTTP/1.x 101 a"], ["HTTP/1.0 101 a"], [""],
      good + [" folded"],
      good + ["X : a"], good + ["X: \u{0}"], good + ["X: a\nb"], good + ["X: a\rb"],
      good + ["Sec-WebSocket-Extensions: a b"], good + (0..<100).map { "X-\($0): a" },
    ])
  func malformed(lines: [String]) {
    guard case .failure(.malformedResponse) = Self.receive(Self.bytes(lines)) else {
      Issue.record("\(Self.receive(Self.bytes(lines)))")
      return
    }
  }

  @Test func endlessResponse() {
    let bytes = Array("HTTP/1.1 101 ".utf8) + [UInt8](repeating: 0x61, count: 100_000)
    #expect(Self.receive(bytes) == .failure(.responseTooLong))
  }
}
