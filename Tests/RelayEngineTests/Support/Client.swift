// A WebSocket client over a blocking socket, written here so that no code of the relay tests
// itself. Nothing waits without a deadline. One thread at a time may use a client.

import CLinux
import Glibc
import RelayCore

@testable import RelayEngine

/// What a client gets from its connection.
enum Incoming: Equatable, Sendable {
  case frame(opcode: UInt8, payload: [UInt8])
  /// The peer's FIN.
  case end
  case reset

  static func text(_ text: String) -> Incoming { .frame(opcode: 1, payload: Array(text.utf8)) }

  /// The code of a Close frame.
  var closeCode: UInt16? {
    guard case .frame(8, let payload) = self, payload.count >= 2 else { return nil }
    return UInt16(payload[0]) << 8 | UInt16(payload[1])
  }
}

/// What went wrong in a client.
enum ClientError: Error {
  case system(call: String, errno: Int32)
  case timedOut(String)
  case refused(String)
}

/// One end of a connection to the relay; closed with the last reference.
final class Client {
  let descriptor: Int32
  private var isClosed = false
  private var received: [UInt8] = []
  private var position = 0
  static let patience = Duration.seconds(20)

  /// A socket that is not connected yet.
  init(family: Int32) throws {
    descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 { throw ClientError.system(call: "socket", errno: errno) }
  }

  /// A connected socket.
  convenience init(_ address: SocketAddress) throws {
    try self.init(family: address.family)
    try connect(address)
  }

  /// A connection after its opening handshake.
  static func open(_ address: SocketAddress, _ path: String) throws -> Client {
    let client = try Client(address)
    try client.request(path)
    try client.awaitOpen()
    return client
  }

  deinit { close() }

  func connect(_ address: SocketAddress) throws {
    let error = address.withSockaddr { Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
    if error != 0 { throw ClientError.system(call: "connect", errno: error) }
  }

  // MARK: - Opening handshake

  func request(_ path: String) throws {
    let lines = [
      "GET \(path) HTTP/1.1", "Host: test", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", "",
    ]
    try write(Array(lines.joined(separator: "\r\n").utf8))
  }

  /// The status line of the answer; what follows its fields is kept.
  func readStatus() throws -> String {
    while true {
      if let end = headEnd() {
        let line = received[position..<end].prefix { $0 != 13 }
        position = end
        return String(decoding: line, as: UTF8.self)
      }
      switch try fill("the answer to a request") {
      case .end, .reset: throw ClientError.refused("no answer")
      default: break
      }
    }
  }

  func awaitOpen() throws {
    let status = try readStatus()
    if !status.hasPrefix("HTTP/1.1 101") { throw ClientError.refused(status) }
  }

  private func headEnd() -> Int? {
    var index = position
    while index + 4 <= received.count {
      if received[index..<index + 4].elementsEqual([13, 10, 13, 10]) { return index + 4 }
      index += 1
    }
    return nil
  }

  // MARK: - Frames

  func send(_ text: String) throws { try write(Frames.masked(1, Array(text.utf8))) }

  func send(opcode: UInt8, _ payload: [UInt8]) throws {
    try write(Frames.masked(opcode, payload))
  }

  func sendClose(_ code: UInt16 = 1000) throws {
    try send(opcode: 8, [UInt8(code >> 8), UInt8(code & 0xFF)])
  }

  /// The next frame, or the end of the stream.
  func next(within patience: Duration = Client.patience) throws -> Incoming {
    while true {
      let bytes = received[position...]
      if let (frame, byteCount) = Frames.parse(bytes) {
        position += byteCount
        return frame
      }
      if let end = try fill("a frame", patience) { return end }
    }
  }

  /// Answers the relay's Close and waits for the end of TCP; returns the code.
  @discardableResult
  func finishClosing() throws -> UInt16? {
    while true {
      let incoming = try next()
      guard case .frame(let opcode, let payload) = incoming else { return nil }
      guard opcode == 8 else { continue }
      try send(opcode: 8, payload)
      let end = try next()
      if end != .end { throw ClientError.refused("\(end) after the Close") }
      close()
      return incoming.closeCode
    }
  }

  // MARK: - Bytes

  /// Hands out what has been received; waits for more if that is nothing. Empty: the end.
  func take() throws -> ArraySlice<UInt8> {
    if position == received.count, try fill("bytes") != nil { return [] }
    defer {
      received = []
      position = 0
    }
    return received[position...]
  }

  func write(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 { throw ClientError.system(call: "send", errno: errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// Receives more bytes; the end of the stream if that came instead.
  private func fill(_ what: String, _ patience: Duration = Client.patience) throws -> Incoming? {
    guard Wait.readable(descriptor, within: patience) else { throw ClientError.timedOut(what) }
    if position > 0 {
      received.removeFirst(position)
      position = 0
    }
    let count = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { received.append(contentsOf: buffer[..<count]) }
      return count
    }
    if count > 0 { return nil }
    return count == 0 ? .end : .reset
  }

  // MARK: - Ends

  func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() {
    if !isClosed { Glibc.close(descriptor) }
    isClosed = true
  }

  /// Closes with RST.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close()
  }
}
