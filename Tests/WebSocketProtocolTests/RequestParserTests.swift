// HTTP/1.1 message syntax as far as it keeps an opening handshake safe: every line is one that some
// other parser reads differently.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 9112 §3: request line")
struct RequestLineTests {
  @Test(
    arguments: [
      ("GET / HTTP/1.1", "/", ""), ("GET /chat HTTP/1.1", "/chat", ""),
      ("GET /chat?a=b&c=%20 HTTP/1.1", "/chat", "a=b&c=%20"), ("GET /? HTTP/1.1", "/", ""),
      ("GET /?a?b HTTP/1.1", "/", "a?b"), ("GET //double HTTP/1.1", "//double", ""),
      ("GET /a/../b HTTP/1.1", "/a/../b", ""), ("GET /%2e%2E/ HTTP/1.1", "/%2e%2E/", ""),
      ("GET /a[1]|b^c~!$&'()*+,;=:@ HTTP/1.1", "/a[1]|b^c~!$&'()*+,;=:@", ""),
      ("GET /q?{x}|[y]\\^` HTTP/1.1", "/q", "{x}|[y]\\^`"), ("GET /chat HTTP/1.2", "/chat", ""),
      ("GET http://example.com/chat?x=1 HTTP/1.1", "/chat", "x=1"),
      ("GET https://example.com:443/ HTTP/1.1", "/", ""), ("GET ws://h/p HTTP/1.1", "/p", ""),
      ("GET WSS://[::1]:8080/p HTTP/1.1", "/p", ""), ("GET http://example.com HTTP/1.1", "/", ""),
      ("GET http://example.com?x HTTP/1.1", "/", "x"), ("GET /http://x HTTP/1.1", "/http://x", ""),
    ])
  func target(line: String, path: String, query: String) throws {
    let request = try #require(receive(RequestText(line).bytes).accepted)
    #expect(request.path == path)
    #expect(request.query == query)
  }

  @Test(
    arguments: [
      "GET", "GET ", "GET /chat", "GET /chat ", "GET  /chat HTTP/1.1", "GET /chat  HTTP/1.1",
      "GET /chat HTTP/1.1 ", "GET /a b HTTP/1.1", "GET\t/chat HTTP/1.1", " GET /chat HTTP/1.1",
      "GET /chat http/1.1", "GET /chat HTTP/11", "GET /chat HTTP/1.", "GET /chat HTTP/1.1.1",
      "GET /chat HTTP/1.10", "GET /chat HTTP/x.1", "GET /chat HTTPS/1.1", "GET /chat HTTP 1.1",
      "GET * HTTP/1.1", "GET example.com:80 HTTP/1.1", "GET chat HTTP/1.1", "GET ?x HTTP/1.1",
      "GET /chat#fragment HTTP/1.1", "GET /chat# HTTP/1.1", "GET /?a#b HTTP/1.1",
      "GET http://h/#f HTTP/1.1", "GET ftp://h/ HTTP/1.1", "GET http:///chat HTTP/1.1",
      "GET http:/chat HTTP/1.1", "GET http://user@h/ HTTP/1.1", "GET http://u:p@h/ HTTP/1.1",
      "GET http://h:99x/ HTTP/1.1", "GET http://[::1/ HTTP/1.1", "GET javascript:x HTTP/1.1",
      "GET /\u{0} HTTP/1.1", "GET /\u{1} HTTP/1.1", "GET /\u{7F} HTTP/1.1", "GET /é HTTP/1.1",
      "GET /\t HTTP/1.1", "GET /%zz HTTP/1.1", "GET /% HTTP/1.1", "GET /%4 HTTP/1.1",
      "GET /<script> HTTP/1.1", "GET /\" HTTP/1.1", "GET /a\\b HTTP/1.1", "GET /{a} HTTP/1.1",
      "GET /` HTTP/1.1", ": / HTTP/1.1", "HTTP/1.1 200 OK", "G@T / HTTP/1.1",
    ])
  func malformed(line: String) {
    #expect(receive(RequestText(line).bytes).status == 400)
  }

  @Test(
    arguments: [
      "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "TRACE", "PATCH", "get", "Get", "GETX", "GE",
      "CONNECT", "X",
    ])
  func otherMethod(method: String) throws {
    let refusal = try #require(receive(RequestText("\(method) /chat?q HTTP/1.1").bytes).refusal)
    #expect(refusal.status == 405)
    #expect(refusal.extraHeaders == [HeaderField("Allow", "GET")])
    #expect(refusal.path == "/chat")
    #expect(refusal.rule.contains(method))
  }

  @Test(arguments: ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/0.0", "HTTP/9.9"])
  func otherVersion(version: String) {
    #expect(receive(RequestText("GET /chat \(version)").bytes).status == 505)
  }

  @Test func absoluteTarget() throws {
    let text = RequestText("GET http://other.example:81/a?b HTTP/1.1")
    let request = try #require(receive(text.bytes).accepted)
    #expect(request.path == "/a" && request.query == "b")
  }

  @Test func longPath() throws {
    let limits = HandshakeLimits(maximumPathByteCount: 20)
    let longest = "/" + String(repeating: "a", count: 19)
    #expect(receive(RequestText("GET \(longest)?q HTTP/1.1").bytes, limits: limits).status == 101)
    let refusal = receive(RequestText("GET \(longest)b?q HTTP/1.1").bytes, limits: limits).refusal
    #expect(refusal?.status == 414)
    #expect(refusal?.path == longest)
  }
}

@Suite("RFC 9112 §5: header fields")
struct HeaderFieldTests {
  @Test(
    arguments: [
      "X-Ignored: anything", "X-Empty:", "X-Blank:   ", "X-Tab:\tvalue\t", "X-Obs-Text: \u{FF}é",
      "!#$%&'*+-.^_`|~0aZ: all token characters", "X: a\tb", "X-Colon: a:b:c", "Content-Length: 0",
      "User-Agent: Mozilla/5.0 (X11; Linux)", "Cookie: a=b; c=d", "X-Quote: \"a, b\"",
    ])
  func accepted(line: String) {
    #expect(receive(RequestText(adding: [line]).bytes).status == 101)
  }

  @Test(
    arguments: [
      " folded", "\tfolded", "X : space before colon", "X\t: tab before colon", "no colon",
      ": no name", "X Y: space in name", "X\u{0}: NUL in name", "X(: parenthesis", "X\"Y: quote",
      "X/Y: slash", "X[: bracket", "é: not ASCII", "X@: at", "X: NUL \u{0} in value",
      "X: \u{1}", "X: \u{8}", "X: \u{B}", "X: \u{1B}[31m", "X: \u{1F}", "X: \u{7F}",
      "X: bare\rCR", "X: bare\nLF", "X: \r", "\r", "X: a\r\rb", "X: a\n\nb",
      "Content-Length: 1", "Content-Length: 10", "Content-Length: +0", "Content-Length: -0",
      "Content-Length: 0x0", "Content-Length:", "Content-Length: 0, 0", "Content-Length: 00a",
      "Content-Length: 99999999999999999999999", "Transfer-Encoding: chunked",
      "Transfer-Encoding: identity", "transfer-encoding:", "X: a\r\n folded", "X: a\r\n\tfolded",
    ])
  func refused(line: String) {
    let bytes = RequestText(adding: [line]).bytes
    #expect(receive(bytes).status == 400)
    #expect(receiveBytewise(bytes).0.status == 400)
  }

  @Test func firstFieldIsFolded() {
    let bytes = Array("GET / HTTP/1.1\r\n Host: a\r\n\r\n".utf8)
    #expect(receive(bytes).status == 400)
  }

  @Test func fieldCount() {
    let limits = HandshakeLimits(maximumHeaderFieldCount: 10)
    let more = (0..<5).map { "X-\($0): a" }
    #expect(receive(RequestText(adding: more).bytes, limits: limits).status == 101)
    #expect(receive(RequestText(adding: more + ["X: a"]).bytes, limits: limits).status == 431)
    let many = (0..<500).map { "X-\($0): a" }
    #expect(receive(RequestText(adding: many).bytes).status == 431)
  }
}

@Suite("RFC 9112 §3: a head without an end")
struct HeadLimitTests {
  @Test func exactlyTheLimit() {
    let bytes = RequestText().bytes
    let exact = HandshakeLimits(maximumRequestByteCount: bytes.count)
    #expect(receive(bytes, limits: exact).status == 101)
    let less = HandshakeLimits(maximumRequestByteCount: bytes.count - 1)
    #expect(receive(bytes, limits: less).status == 431)
    #expect(receiveBytewise(bytes, limits: less).0.status == 431)
    #expect(receiveBytewise(bytes, limits: less).byteCount == bytes.count - 1)
  }

  @Test(arguments: [8191, 8192, 8193, 100_000])
  func requestLineWithoutNewline(byteCount: Int) {
    let bytes = Array("GET /".utf8) + [UInt8](repeating: 0x61, count: byteCount - 5)
    #expect(receive(bytes).status == (byteCount < 8192 ? 0 : 414))
  }

  @Test func headerWithoutNewline() throws {
    let text = "GET /chat?q HTTP/1.1\r\nOrigin: https://a.example\r\nUser-Agent: u\r\nX: "
    let bytes = Array(text.utf8) + [UInt8](repeating: 0x61, count: 100_000)
    let refusal = try #require(receive(bytes).refusal)
    #expect(refusal.status == 431)
    #expect(refusal.path == "/chat")
    #expect(refusal.origin == "https://a.example")
    #expect(refusal.userAgent == "u")
    #expect(receiveBytewise(bytes).byteCount == 8192)
  }

  @Test func limitOfNothing() {
    for limit in 0..<4 {
      let limits = HandshakeLimits(maximumRequestByteCount: limit)
      #expect(receive(RequestText().bytes, limits: limits).status == 414)
    }
  }

  @Test(arguments: [-1, 0, 1, 10, 10_000, Int.max, Int.min])
  func searchedByteCountOutOfRange(searched: Int) {
    #expect(receive(Array("GET / HT".utf8), searchedByteCount: searched) == .incomplete)
  }
}

@Suite("RFC 9112 §2: bytes that are no request")
struct RequestBeginningTests {
  @Test(
    arguments: [
      ([0x16, 0x03], "TLS ClientHello on a plain listener", 400),
      ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01], "TLS ClientHello on a plain listener", 400),
      ([0x16, 0x04], "not an HTTP request", 400), ([0x00], "not an HTTP request", 400),
      ([0x80, 0x2E], "not an HTTP request", 400), ([0xFF], "not an HTTP request", 400),
      (Array("SSH-2.0-OpenSSH_9.2\r".utf8), "not an HTTP request", 400),
      (Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), "HTTP/2 on an HTTP/1.1 listener", 505),
      (Array("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".utf8), "PROXY protocol header", 400),
      ([0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51], "PROXY protocol header", 400),
      (Array("\r\nGET / HTTP/1.1\r\n".utf8), "empty line", 400), ([0x0A], "not an HTTP", 400),
      ([0x0D, 0x0A, 0x0D, 0x0A], "empty line", 400), ([0x0D, 0x20], "empty line", 400),
      ([0x0D, 0x27, 0x18, 0x54, 0x00], "empty line", 400),
      ([0x20], "not an HTTP request", 400), (Array("<policy/>\0".utf8), "not an HTTP", 400),
      ([UInt8](repeating: 0x41, count: 100), "not an HTTP request", 400),
      ([0x81, 0x85, 1, 2, 3, 4], "not an HTTP request", 400),
    ] as [([UInt8], String, Int)])
  func refusedEarly(bytes: [UInt8], rule: String, status: Int) throws {
    let refusal = try #require(receive(bytes).refusal)
    #expect(refusal.status == status)
    #expect(refusal.rule.hasPrefix(rule))
    #expect(receiveBytewise(bytes).0.refusal?.status == status)
  }

  @Test(arguments: ["", "G", "GE", "GET", "GET ", "POST", "POST / HT", "\r\n", "\u{16}"])
  func maybeYet(text: String) {
    #expect(receive(Array(text.utf8)) == .incomplete)
  }

  @Test func otherMethodDoesNotWaitForTheFields() {
    let bytes = Array("POST /upload HTTP/1.1\r\nContent-Length: 99".utf8)
    let (progress, byteCount) = receiveBytewise(bytes)
    #expect(progress.refusal?.status == 405)
    #expect(progress.refusal?.path == "/upload")
    #expect(byteCount == 23)
  }

  @Test func whatFollowsTheLineOfAnotherMethodDoesNotMatter() {
    let bytes = Array("POST /upload HTTP/1.1\r\nHost: a\n\r\r".utf8)
    let whole = receive(bytes)
    #expect(whole.refusal?.status == 405)
    for split in 0...bytes.count { #expect(receive(bytes, splitAt: split) == whole) }
  }
}

@Suite("RFC 9112 §11: hostile bytes")
struct HostileRequestTests {
  /// No mutation of a valid request may trap, and it must not matter how it is split.
  @Test(arguments: 1...8)
  func mutatedRequests(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let base = RequestText(
      "GET /chat?q=1 HTTP/1.1",
      adding: ["Sec-WebSocket-Extensions: a; b=\"c\", d", "Sec-WebSocket-Protocol: x, y"]
    ).bytes
    let spice: [UInt8] = [0x00, 0x0A, 0x0D, 0x20, 0x09, 0x3A, 0x2C, 0x3B, 0x22, 0x5C, 0x25, 0xFF]
    for round in 0..<300 {
      var bytes = base
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[index] = spice.randomElement(using: &generator)!
        case 1: bytes.insert(spice.randomElement(using: &generator)!, at: index)
        case 2: bytes.remove(at: index)
        default: bytes.insert(contentsOf: bytes[index...].prefix(40), at: index)
        }
      }
      let whole = receive(bytes)
      let split = receiveBytewise(bytes).0
      let agrees = whole.accepted == split.accepted && (whole.status > 0) == (split.status > 0)
      if !agrees { Issue.record("seed \(seed) round \(round): \(whole) \(split)") }
    }
  }
}
