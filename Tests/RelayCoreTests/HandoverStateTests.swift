// What is written down for the next process, and what becomes of it when it is not what was
// written.

import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

@Suite("State of a hand-over")
struct HandoverStateTests {
  private static var header: HandoverHeader {
    var header = HandoverHeader()
    header.program = "0.1.0"
    header.pausedAt = Instant(microseconds: 123_456_789)
    header.listeners = [
      .tcp(host: "127.0.0.1", port: 8080), .tcp(host: "*", port: 0), .unix(path: "/run/a.sock"),
      .inherited(name: "web"),
    ]
    header.listenerNames = ["127.0.0.1:8080", "", "unix:/run/a.sock"]
    header.recordCount = 70_000
    return header
  }

  private func read(_ bytes: [UInt8]) throws(HandoverFault) -> HandoverHeader {
    var byteCount = 0
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(HandoverFault) in
        try HandoverHeader(reading: bytes, byteCount: &byteCount)
      }
    }
    return try result.get()
  }

  @Test("a header is read as it was written, whatever comes behind it")
  func header() throws {
    #expect(try read(Self.header.encoded()) == Self.header)
    #expect(try read(Self.header.encoded() + [1, 2, 3]) == Self.header)
    var other = Self.header
    other.recordCount = 0
    #expect(other.encoded().count == Self.header.encoded().count)
  }

  @Test("a header that is cut off, damaged or of something else is refused")
  func damagedHeader() {
    let bytes = Self.header.encoded()
    for count in bytes.indices {
      #expect(throws: HandoverFault.truncated, "\(count) bytes") {
        try read(Array(bytes[..<count]))
      }
    }
    for index in bytes.indices where !(8..<20).contains(index) {
      var damaged = bytes
      damaged[index] ^= 0x10
      #expect(throws: HandoverFault.self, "byte \(index)") { try read(damaged) }
    }
    #expect(throws: HandoverFault.foreign) { try read(Array("SQLite format 3".utf8)) }
  }

  @Test("another version is read if it says that this one can")
  func versions() {
    var bytes = Self.header.encoded()
    bytes[8] = 9
    #expect(throws: Never.self) { try read(bytes) }
    bytes[12] = 2
    #expect(throws: HandoverFault.version(9)) { try read(bytes) }
    bytes[8] = 0
    bytes[12] = 0
    #expect(throws: HandoverFault.version(0)) { try read(bytes) }
  }

  @Test("of records one is damaged and the last cut off: the others are found")
  func frames() {
    var bytes: [UInt8] = [0xAA]
    for record: [UInt8] in [[1, 2, 3], [], [UInt8](repeating: 7, count: 300), [4, 5]] {
      HandoverRecordFrame.append(record, to: &bytes)
    }
    bytes[9 + 2] ^= 1
    let ranges = bytes.dropLast().withUnsafeBytes {
      HandoverRecordFrame.ranges(in: $0, from: 1, count: 10)
    }
    #expect(ranges == [nil, 20..<20, 28..<328])
  }

  // MARK: - Records

  /// A record in which no field has its default.
  private static var record: SessionRecord {
    var record = SessionRecord()
    record.connectionID = .max
    record.peer = PeerAddress(family: .ipv6, port: 443, high: 0x2001_0DB8 << 32, low: 7)
    record.via = PeerAddress(family: .ipv4, port: 8, high: 0x7F00_0001 << 32, low: 0)
    (record.path, record.origin, record.userAgent) = ("/a?b", "https://a.example", "agent/1")
    (record.subprotocol, record.restartCount) = ("v2", 3)
    (record.route, record.isBroadcast, record.listener) = ("/a", true, 1)
    record.phase = .closing
    (record.isCountedByPeer, record.awaitsProxyHeader) = (true, true)
    (record.isRefused, record.endsSending) = (true, true)
    (record.request, record.unsent, record.begunByteCount) = ([1], [2, 3], 2)
    (record.age, record.dataAge, record.receivedAge) = (1 << 50, 2, 3)
    (record.owedAge, record.rateAdvance, record.pingRoundTrip) = (4, 5, 6)
    (record.receivedMessageCount, record.receivedByteCount) = (7, .max)
    (record.sentMessageCount, record.sentByteCount, record.droppedMessageCount) = (8, 9, .max)
    (record.cause, record.causePhase) = (.slowConsumer, .open)
    record.notes = ClosingNotes(
      detail: "d", reasonSent: "s", reasonReceived: "r", unsentByteCount: 10)
    record.connection.reading = 1
    record.connection.messageFirstByte = 0xC1
    (record.connection.isFinalFrame, record.connection.allowedReservedBits) = (true, 0x40)
    (record.connection.maskingKey, record.connection.remainingByteCount) = (.max, 11)
    (record.connection.textState, record.connection.message) = (3, [4, 5])
    (record.connection.partialFrame, record.connection.sentCode) = ([6], 1000)
    (record.connection.receivedCode, record.connection.sentCloseFirst) = (1005, true)
    record.compression = 0xFF
    record.contexts = .init(
      clientWindowBits: 15, serverWindowBits: 12, clientResets: true, serverResets: true,
      clientWindow: [1], serverWindow: [2])
    return record
  }

  private func reread(_ bytes: [UInt8]) throws(HandoverFault) -> SessionRecord {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(HandoverFault) in try SessionRecord(reading: bytes) }
    }
    return try result.get()
  }

  @Test("every field of a record is read as it was written")
  func everyField() throws {
    #expect(try reread(Self.record.encoded()) == Self.record)
    #expect(try reread(SessionRecord().encoded()) == SessionRecord())
    // An idle connection's record is small.
    #expect(SessionRecord().encoded().count < 8)
  }

  @Test("a field of a newer version is skipped")
  func unknownFields() throws {
    let (number, bytes): ([UInt8], [UInt8]) = ([127 << 1, 0xFF, 0x01], [126 << 1 | 1, 2, 9, 9])
    #expect(try reread(number + Self.record.encoded() + bytes) == Self.record)
  }

  @Test("numbers that are too large and lengths beyond the end are refused")
  func malformed() {
    let numberOfTenBytes = [UInt8](repeating: 0xFF, count: 9)
    for bytes: [UInt8] in [
      [10 << 1, 0x80, 0x80, 0x04], [1 << 1], [1 << 1, 0x80], [4 << 1 | 1, 0xFF, 0x7F],
      [1 << 1] + numberOfTenBytes + [0x02], [1 << 1] + numberOfTenBytes + [0x80, 0x01],
      [4 << 1 | 1, 1, 0xFF], [4 << 1, 1], [1 << 1 | 1, 0], [12 << 1, 4], [2 << 1 | 1, 3, 1, 2, 3],
      [4 << 1 | 1] + numberOfTenBytes + [0x01], [20 << 1] + numberOfTenBytes + [0x01],
    ] {
      #expect(throws: HandoverFault.self, "\(bytes)") { try reread(bytes) }
    }
  }

  // MARK: - What becomes of connections

  @Test("a damaged record ends its connection with 1012, and no other")
  func damagedRecord() {
    let driver = CoreDriver(Route.builtIn)
    let peers = (0..<3).map { _ in driver.connect("/echo") }
    let results = driver.restart { $0.records[1].bytes = [1 << 1] }
    #expect(results == [.adopted, .closed, .adopted])
    #expect(peers.map(\.closeCode) == [nil, 1012, nil])
    #expect(peers[1].socket.hasEndedSending)
    peers[1].send(.close(1012))
    peers[1].end()
    let closed = driver.recording.closed[0]
    #expect(closed.cause == .restart && closed.route == "" && closed.codeSent == .serviceRestart)
    #expect(closed.detail == "the state of the process before could not be read: it is truncated")
    driver.stop()
    #expect(driver.leftovers == [])
  }

  /// Changes to the record of a plain open connection that no shard could have written.
  private static let contradictions: [@Sendable (inout SessionRecord) -> Void] = [
    { $0.listener = 9 }, { $0.cause = .drain }, { $0.isRefused = true },
    { $0.request = [1] }, { $0.path = "room" }, { $0.endsSending = true },
    { $0.unsent = [0x82, 5, 1] }, { $0.unsent = [0x82, 0x85, 0, 0, 0, 0, 0, 1, 2, 3, 4] },
    { $0.begunByteCount = 1 }, { $0.compression = 3 }, { $0.compression = 0xFF },
    { $0.contexts = .init(clientWindowBits: 15, serverWindowBits: 12) }, { $0.phase = .closing },
    {
      $0.phase = .handshake; $0.unsent = [1]
    },
    { $0.connection.reading = 3 }, { $0.connection.reading = 2 },
    {
      $0.connection.messageFirstByte = 0x81; $0.connection.textState = 1
    },
    { $0.connection.textState = 99 }, { $0.connection.messageFirstByte = 1 },
    { $0.connection.messageFirstByte = 0x88 }, { $0.connection.messageFirstByte = 0xC1 },
    { $0.connection.remainingByteCount = 1 }, { $0.connection.message = [1] },
    { $0.connection.partialFrame = [UInt8](repeating: 0x81, count: 200) },
    { $0.connection.allowedReservedBits = 0x20 }, { $0.connection.sentCode = 1000 },
  ]

  @Test("a record that contradicts itself is not believed", arguments: contradictions.indices)
  func contradiction(index: Int) throws {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    let results = driver.restart { handover in
      guard var record = try? reread(handover.records[0].bytes) else { return }
      Self.contradictions[index](&record)
      handover.records[0].bytes = record.encoded()
    }
    #expect(results == [.closed])
    #expect(peer.closeCode == 1012)
    driver.stop()
    #expect(driver.recording.closed.first?.detail.hasSuffix("it contradicts itself") == true)
    #expect(driver.leftovers == [])
  }

  @Test("a message that would take all memory is refused, not awaited")
  func hugeMessage() throws {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    driver.restart { handover in
      guard var record = try? reread(handover.records[0].bytes) else { return }
      record.connection.messageFirstByte = 0x82
      record.connection.remainingByteCount = .max
      record.connection.message = [1]
      handover.records[0].bytes = record.encoded()
    }
    #expect(peer.closeCode == 1009)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("a socket that cannot be watched is a record of its own")
  func noRoom() {
    let driver = CoreDriver(Route.builtIn)
    _ = driver.connect("/echo")
    let results = driver.restart { _ in driver.recording.addErrors = [12] }
    #expect(results == [.closed])
    #expect(driver.recording.closed.map(\.cause) == [.shed])
    #expect(driver.leftovers == [])
  }

  // MARK: - Compression

  @Test("contexts of both ends go on with their windows")
  func contexts() throws {
    let text = String(repeating: "{\"id\":1,\"text\":\"hello, relay\"},", count: 20)
    for resets in ["", "; server_no_context_takeover; client_no_context_takeover"] {
      var route = Route(pattern: RoutePattern(literal: "/c"), mode: .echo)
      route.compression = .context
      let driver = CoreDriver([route])
      let client = try DeflatingPeer(driver, "/c", "permessage-deflate\(resets)")
      client.peer.send(client.compressed(text))
      driver.restart()
      client.peer.send(client.compressed(text))
      driver.restart()
      client.peer.send(client.compressed(text))
      #expect(client.texts == [text, text, text])
      // With a context, the second time it is all in the window.
      let sizes = client.peer.messages.map(\.payload.count)
      #expect(resets.isEmpty ? sizes[2] < sizes[0] / 2 : sizes[2] == sizes[0])
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }
}
