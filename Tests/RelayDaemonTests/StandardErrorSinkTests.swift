// Standard error is whatever somebody connected to it: slow, non-blocking, or gone.

import Glibc
import Testing

@testable import RelayCore
@testable import RelayDaemon
@testable import Systemd

@Suite("Standard error")
struct StandardErrorSinkTests {
  @Test("A full non-blocking pipe takes every line whole, bit by bit")
  func partialWrites() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { close(ends[0]) }
    let (reading, writing) = (ends[0], ends[1])
    try #require(fcntl(writing, F_SETFL, O_NONBLOCK) == 0)
    let closed = ClosedConnection.complete(cause: .drain, connectionID: 1)
    // A pipe holds 64 KiB: most of these lines find it full.
    let count = 1000
    let writer = try NamedThread(named: "stderr") {
      var sink = StandardErrorSink(layout: .json, descriptor: writing)
      var taken = 0
      while taken < count {
        while taken < count && !sink.isFull {
          var entry = JournalEntry.of(closed, .json)
          sink.take(&entry)
          taken += 1
        }
        do { try sink.send() } catch { break }
      }
      close(writing)
    }
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1000)
    while true {
      let count = read(reading, &buffer, buffer.count)
      if count <= 0 { break }
      received += buffer[..<count]
    }
    writer.join()
    let lines = String(decoding: received, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == count)
    #expect(Set(lines) == [Substring(JournalEntry.of(closed, .json).line)])
  }

  /// A socket that keeps each write apart.
  private static func makePacketSocket() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    return (ends[0], ends[1])
  }

  /// The next write that arrived; nil if there is none.
  private static func packet(from socket: Int32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  @Test("Lines that come together are written together, whole, as many as a pipe keeps together")
  func groups() throws {
    let (reading, writing) = try Self.makePacketSocket()
    defer { for socket in [reading, writing] { close(socket) } }
    var sink = StandardErrorSink(layout: .json, descriptor: writing)
    var expected = ""
    var id: UInt64 = 0
    while !sink.isFull {
      var entry = JournalEntry.of(.complete(cause: .kick, connectionID: id), .json)
      expected += entry.line + "\n"
      sink.take(&entry)
      id += 1
    }
    try sink.send()
    let isFull = sink.isFull
    #expect(!isFull)
    let lostCount = sink.discard()
    #expect(lostCount == 0)

    var text = ""
    var packets: [[UInt8]] = []
    while let packet = Self.packet(from: reading) {
      #expect(packet.count <= 4096 && packet.last == UInt8(ascii: "\n"))
      text += String(decoding: packet, as: UTF8.self)
      packets.append(packet)
    }
    #expect(text == expected)
    let lineByteCount = expected.utf8.count / Int(id)
    for packet in packets.dropLast() { #expect(packet.count > 4096 - lineByteCount - 10) }
  }

  @Test("A line longer than a pipe keeps together is written by itself")
  func longLine() throws {
    let (reading, writing) = try Self.makePacketSocket()
    defer { for socket in [reading, writing] { close(socket) } }
    var sink = StandardErrorSink(layout: .text, descriptor: writing)
    let messages = ["short", String(repeating: "x", count: 5000), "short again"]
    for message in messages {
      var entry = sink.makeEntry()
      entry.begin(event: nil, messageID: nil, priority: .info, time: 0, about: message) {
        $1.append(text: $0)
      }
      sink.take(&entry)
    }
    try sink.send()
    for message in messages {
      let packet = String(decoding: try #require(Self.packet(from: reading)), as: UTF8.self)
      #expect(packet.hasSuffix(message + "\n") && packet.utf8.filter { $0 == 0x0A }.count == 1)
    }
  }

  @Test("Of lines that a reader leaves behind, those count as written that were")
  func readerLeavesBetween() throws {
    let (reading, writing) = try Self.makePacketSocket()
    defer { close(writing) }
    // Room for one write: the next finds it full, waits, and is told that the reader has gone.
    var room: Int32 = 1
    try #require(
      setsockopt(writing, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size)) == 0)
    let reader = try NamedThread(named: "reader") {
      var byte: UInt8 = 0
      // Takes one packet, whatever its length, and leaves.
      recv(reading, &byte, 1, 0)
      close(reading)
    }
    var sink = StandardErrorSink(layout: .json, descriptor: writing)
    var takenCount = 0
    while !sink.isFull {
      var entry = JournalEntry.of(.complete(cause: .kick, connectionID: 1), .json)
      sink.take(&entry)
      takenCount += 1
    }
    #expect(throws: SystemdError.self) { try sink.send() }
    reader.join()
    let lineByteCount =
      JournalEntry.of(.complete(cause: .kick, connectionID: 1), .json).line.utf8.count + 1
    let lostCount = sink.discard()
    let perPacket = 4096 / lineByteCount
    #expect(lostCount < takenCount && lostCount > 0)
    #expect((takenCount - lostCount) % perPacket == 0, "\(takenCount - lostCount) of \(takenCount)")
    let isFull = sink.isFull
    #expect(!isFull)
  }

  @Test("A line of text has MESSAGE, and evidence that is the same as in the journal")
  func evidence() throws {
    let names = [
      "id": "WSRELAY_CONNECTION_ID", "sent": "WSRELAY_CODE_SENT",
      "received": "WSRELAY_CODE_RECEIVED", "reason-sent": "WSRELAY_REASON_SENT",
      "reason-received": "WSRELAY_REASON_RECEIVED", "initiator": "WSRELAY_INITIATOR",
      "layer": "WSRELAY_LAYER", "detail": "WSRELAY_CAUSE_DETAIL", "phase": "WSRELAY_PHASE",
      "errno": "WSRELAY_ERRNO_NAME", "via": "WSRELAY_VIA", "origin": "WSRELAY_ORIGIN",
    ]
    var events: [ConnectionEvent] = [.refused(.sample()), .opened(.sample)]
    events += CloseCause.allCases.map { .closed(.complete(cause: $0, connectionID: 1)) }
    for event in events {
      let fields = JournalEntry.of(event).dictionary
      let line = JournalEntry.of(event, .text).line
      let message = try #require(fields["MESSAGE"])
      let start = try #require(line.range(of: "\(message); "), "\(line)").upperBound
      let expected = names.compactMap { name, field in fields[field].map { (name, $0) } }
      #expect(Self.pairs(line[start...]) == Dictionary(uniqueKeysWithValues: expected))
    }
  }

  @Test("The daemon's own records have no evidence: their line ends with MESSAGE")
  func reports() throws {
    for report in [
      DaemonReportTests.started, DaemonReportTests.restarted, DaemonReportTests.reloaded,
      DaemonReportTests.failed, DaemonReportTests.draining, DaemonReportTests.stopped,
    ] {
      let message = try #require(JournalEntry.of(report).dictionary["MESSAGE"])
      let line = JournalEntry.of(report, .text).line
      #expect(line.hasSuffix("Z \(message)") || line.hasSuffix(": \(message)"), "\(line)")
    }
  }

  /// The words of a line's evidence, their quotation marks undone.
  private static func pairs(_ text: Substring) -> [String: String] {
    var pairs: [String: String] = [:]
    var rest = text
    while let equals = rest.firstIndex(of: "=") {
      let name = String(rest[..<equals])
      rest = rest[equals...].dropFirst()
      var value = ""
      if rest.first == "\"" {
        rest = rest.dropFirst()
        while let character = rest.popFirst(), character != "\"" {
          let isQuoted = character == "\\" && rest.first == "\""
          value.append(isQuoted ? rest.removeFirst() : character)
        }
      } else {
        value = String(rest.prefix { $0 != " " })
        rest = rest.dropFirst(value.count)
      }
      pairs[name] = value
      rest = rest.drop { $0 == " " }
    }
    return pairs
  }

  @Test("Values that would not be seen as one are quoted, in text only those")
  func quotes() {
    for (detail, word) in [
      ("plain", "plain"), ("a\\b", "a\\\\b"), ("two words", "\"two words\""),
      ("say \"so\"", "\"say \\\"so\\\"\""), ("\"", "\"\\\"\""),
    ] {
      let closed = ClosedConnection.sample { $0.detail = detail }
      let text = JournalEntry.of(closed, .text).line
      #expect(text.contains(" detail=\(word) phase="), "\(text)")
    }
  }

  @Test("A reader that has gone is an error, not the end of the process")
  func brokenPipe() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    let output = ends[1]
    // SIGPIPE keeps its default here: the writer thread itself must not let it through. And no
    // patience is spent on a reader that does not come back: a stop would wait for it.
    let journal = try CloseJournal(
      sink: StandardErrorSink(layout: .text, descriptor: output),
      patience: SinkPatience(total: .seconds(600)))
    for _ in 0..<10 { journal.record(.closed(.sample())) }
    let counts = journal.close(deadline: .seconds(60))
    #expect(counts == CloseJournal.Counts(recorded: 10, written: 0, lost: 10, gaps: 0))
  }

  @Test(
    "A journal without journald loses records and says how many, and holds nobody up",
    .enabled(if: !Journal.isAvailable, "this machine has a journald; run it where there is none"))
  func journalAbsent() throws {
    let journal = try CloseJournal(sink: JournalSink(), patience: SinkPatience(total: .zero))
    for _ in 0..<10 { journal.record(.closed(.sample())) }
    #expect(journal.close(deadline: .seconds(60)).lost == 10)
  }
}
