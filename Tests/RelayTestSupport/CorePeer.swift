// The other end of one connection of a tested shard.

import RelayCore

/// A client that says what the test has it say.
package final class CorePeer {
  package let socket: RecordedSocket
  package var session: SessionPointer?
  private unowned let driver: CoreDriver
  /// Sent by the peer and not yet received.
  private var inbound: [UInt8] = []
  private var inboundStart = 0
  private var hasEnded = false
  private var error: Int32 = 0

  init(_ socket: RecordedSocket, _ driver: CoreDriver) {
    self.socket = socket
    self.driver = driver
  }

  /// What the peer does by the next turn: send bytes, end its direction, reset.
  package func push(_ bytes: [UInt8]) { inbound += bytes }
  package func push(_ frames: CoreFrame...) { push(frames.masked) }
  package func pushEnd() { hasEnded = true }
  package func pushError(_ errno: Int32) { error = errno }

  /// The same, with all that follows from it at this time.
  package func send(_ bytes: [UInt8]) {
    push(bytes)
    driver.settle()
  }
  package func send(_ frames: CoreFrame...) { send(frames.masked) }
  package func end() {
    pushEnd()
    driver.settle()
  }
  package func reset(_ errno: Int32 = 104) {
    pushError(errno)
    driver.settle()
  }

  /// Lets the socket take so many more bytes.
  package func read(_ count: Int = .max) {
    socket.room = count
    driver.settle()
  }

  /// The answer to the request, up to the blank line.
  package var head: String { String(decoding: socket.sent[..<headEnd], as: UTF8.self) }

  private var headEnd: Int {
    guard socket.sent.starts(with: Array("HTTP".utf8)) else { return 0 }
    let end: [UInt8] = [13, 10, 13, 10]
    let first = socket.sent.indices.first { socket.sent[$0...].starts(with: end) }
    return first.map { $0 + 4 } ?? socket.sent.count
  }

  /// The frames it was sent.
  package var reader: CoreFrameReader { CoreFrameReader(socket.sent[headEnd...]) }
  package var frames: [CoreFrame] { reader.frames }
  package var messages: [CoreFrame] { frames.filter { !$0.isControl } }
  /// The texts of the data messages it was sent.
  package var texts: [String] { messages.map(\.text) }
  /// The code of the Close frame it was sent.
  package var closeCode: UInt16? { frames.last { $0.isClose }?.closeCode }

  var isReadable: Bool {
    !socket.isClosed && socket.isReading
      && (inboundStart < inbound.count || hasEnded || error != 0)
  }
  var isWritable: Bool {
    !socket.isClosed && socket.isWriting && (socket.room > 0 || socket.sendError != 0)
  }

  /// Whether bytes wait to be received.
  package var hasInbound: Bool { inboundStart < inbound.count }

  /// One receive call: bytes first, then the end.
  package func receive(into shard: inout Shard<RecordingTransport>, atMost limit: Int = .max) {
    guard let session else { return }
    let space = shard.receiveSpace(session)
    let count = min(space.count, inbound.count - inboundStart, limit)
    if count > 0 {
      space.copyBytes(from: inbound[inboundStart..<(inboundStart + count)])
      inboundStart += count
      if inboundStart == inbound.count {
        inbound = []
        inboundStart = 0
      }
      shard.received(session, count)
    } else if error != 0 {
      shard.received(session, -Int(error))
    } else {
      shard.received(session, 0)
    }
  }
}
