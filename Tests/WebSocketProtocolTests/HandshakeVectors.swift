// Requests and answers by their lines, and how the handshake tests feed them.

import Testing

@testable import WebSocketProtocol

/// A valid request whose lines a test replaces or adds to.
struct RequestText {
  static let key = "dGhlIHNhbXBsZSBub25jZQ=="

  var requestLine = "GET /chat HTTP/1.1"
  var fields = [
    "Host: server.example.com", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Key: \(key)", "Sec-WebSocket-Version: 13",
  ]

  init(_ requestLine: String = "GET /chat HTTP/1.1", adding lines: [String] = []) {
    self.requestLine = requestLine
    fields += lines
  }

  /// Without the fields of this name, and with others in their place.
  func replacing(_ name: String, with lines: [String]) -> RequestText {
    var text = self
    text.fields.removeAll { $0.lowercased().hasPrefix(name.lowercased() + ":") }
    text.fields += lines
    return text
  }

  var bytes: [UInt8] {
    Array((([requestLine] + fields).joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }
}

/// The outcome for bytes that come all at once.
func receive(
  _ bytes: [UInt8], searchedByteCount: Int = 0, limits: HandshakeLimits = HandshakeLimits()
) -> HandshakeProgress {
  bytes.withUnsafeBytes {
    OpeningHandshake.receive($0, searchedByteCount: searchedByteCount, limits: limits)
  }
}

/// The outcome for bytes that come in two parts.
func receive(
  _ bytes: [UInt8], splitAt split: Int, limits: HandshakeLimits = HandshakeLimits()
) -> HandshakeProgress {
  let first = receive(Array(bytes[..<split]), limits: limits)
  guard first == .incomplete else { return first }
  return receive(bytes, searchedByteCount: split, limits: limits)
}

/// The outcome for bytes that come one by one, and how many it took.
func receiveBytewise(
  _ bytes: [UInt8], limits: HandshakeLimits = HandshakeLimits()
) -> (HandshakeProgress, byteCount: Int) {
  bytes.withUnsafeBytes { buffer in
    for count in 1...max(1, buffer.count) {
      let progress = OpeningHandshake.receive(
        UnsafeRawBufferPointer(rebasing: buffer.prefix(count)), searchedByteCount: count - 1,
        limits: limits)
      if progress != .incomplete { return (progress, count) }
    }
    return (.incomplete, buffer.count)
  }
}

extension HandshakeProgress {
  /// The request, if it was accepted.
  var accepted: UpgradeRequest? {
    if case .request(let request, _) = self { request } else { nil }
  }

  /// The refusal, if it was refused.
  var refusal: HandshakeRefusal? {
    if case .refused(let refusal) = self { refusal } else { nil }
  }

  /// The status it was refused with; 101 if it was accepted, 0 if it is not complete.
  var status: Int {
    switch self {
    case .incomplete: 0
    case .request: 101
    case .refused(let refusal): refusal.status
    }
  }
}
