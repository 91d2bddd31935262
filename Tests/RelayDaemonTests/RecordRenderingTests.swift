// How each record reads: MESSAGE, the line on standard error, the JSON object, and every field.

import CloseEvents
import Foundation
import RelayConfiguration
import Testing
import WebSocketProtocol

@testable import RelayCore
@testable import RelayDaemon

@Suite("Rendering of records")
struct RecordRenderingTests {
  /// Cause, priority, initiator, layer; the code where the relay sends nothing.
  private static let causes: [(CloseCause, Int, String, String)] = [
    (.peerClose, 6, "peer", "close"), (.peerCloseError, 5, "peer", "close"),
    (.peerFin, 5, "peer", "tcp"), (.peerReset, 5, "peer", "tcp"),
    (.networkTimeout, 5, "network", "tcp"), (.closeTimeout, 5, "peer", "close"),
    (.idleTimeout, 6, "relay", "liveness"), (.pongTimeout, 5, "relay", "liveness"),
    (.maxLifetime, 6, "relay", "policy"), (.protocolError, 4, "relay", "frame"),
    (.unsupportedData, 4, "relay", "frame"), (.invalidUTF8, 4, "relay", "frame"),
    (.invalidDeflate, 4, "relay", "frame"), (.messageTooBig, 4, "relay", "policy"),
    (.rateLimit, 4, "relay", "policy"), (.slowConsumer, 4, "relay", "resource"),
    (.shed, 3, "relay", "resource"),
    (.kick, 5, "operator", "admin"), (.drain, 6, "operator", "lifecycle"),
    (.restart, 6, "operator", "lifecycle"), (.routeRemoved, 5, "operator", "lifecycle"),
    (.tlsFailure, 5, "peer", "tls"), (.internalError, 3, "relay", "relay"),
  ]

  @Test("The table has every cause")
  func hasEveryCause() { #expect(Set(Self.causes.map(\.0)) == Set(CloseCause.allCases)) }

  @Test("Each cause as text and as JSON", arguments: causes.indices)
  func cause(index: Int) throws {
    let (cause, priority, initiator, layer) = Self.causes[index]
    let code = cause == .tlsFailure ? 1015 : 1006
    let message =
      "closed \(code) \(cause.slug) /chat/lobby 192.0.2.7:51234 "
      + "after 3m12s, idle 41s, rx 120 tx 4518"
    let closed = ClosedConnection.sample(cause: cause, errno: 104)
    #expect(JournalEntry.of(closed).dictionary["MESSAGE"] == message)

    let word = priority == 3 ? "error: " : priority == 4 ? "warning: " : ""
    #expect(
      JournalEntry.of(closed, .text).line
        == "2026-03-01T09:08:07.000042Z \(word)\(message); "
        + "id=000000000000feed initiator=\(initiator) "
        + "layer=\(layer) phase=open errno=ECONNRESET")
    let inJournal = StandardErrorLayout(format: .text, isJournalStream: true)
    #expect(JournalEntry.of(closed, inJournal).line.hasPrefix("<\(priority)>\(word)closed "))

    let line = JournalEntry.of(closed, .json).line
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
    let fields = try #require(object as? [String: String])
    #expect(fields["__REALTIME_TIMESTAMP"] == "1772356087000042")
    #expect(fields["MESSAGE"] == message)
    #expect(fields["PRIORITY"] == "\(priority)")
    #expect(fields["MESSAGE_ID"] == cause.messageID)
    #expect(fields["WSRELAY_CAUSE"] == cause.slug)
    #expect(fields["WSRELAY_INITIATOR"] == initiator)
    #expect(fields["WSRELAY_LAYER"] == layer)
    #expect(fields["WSRELAY_CLOSE_CODE"] == "\(code)")
    #expect(fields["ERRNO"] == "104")
  }

  @Test("A record with everything known shows all of it")
  func complete() {
    let fields = JournalEntry.of(.complete(cause: .drain, connectionID: 0x1F)).dictionary
    #expect(fields["WSRELAY_CONNECTION_ID"] == "000000000000001f")
    #expect(fields["WSRELAY_REASON_SENT"] == "going\\x0aaway")
    #expect(fields["WSRELAY_REASON_RECEIVED"] == "grüße")
    #expect(fields["WSRELAY_PATH"] == "/chat/lobby?token=***&x=1")
    #expect(fields["WSRELAY_VIA"] == "10.0.0.1:443")
    #expect(fields["WSRELAY_PEER_PORT"] == "51234")
    #expect(fields["WSRELAY_CLOSE_NAME"] == "Going Away")
    #expect(fields["WSRELAY_UNSENT_BYTES"] == "99")
  }

  @Test("What is unknown is absent")
  func absent() {
    let fields = JournalEntry.of(.sample()).dictionary
    for field: JournalField in [
      .codeSent, .codeReceived, .reasonSent, .reasonReceived, .causeDetail, .errorNumber,
      .errorName, .via, .origin, .subprotocol, .userAgent, .pingRoundTrip, .tcpRetransmitCount,
      .tcpRoundTrip,
    ] {
      #expect(fields[field.rawValue] == nil, "\(field)")
    }
    let unix = JournalEntry.of(.sample { $0.peer = .unix }).dictionary
    #expect(unix["WSRELAY_PEER"] == "unix")
    #expect(unix["WSRELAY_PEER_PORT"] == nil)
    #expect(JournalEntry.of(.sample(errno: 4242)).dictionary["WSRELAY_ERRNO_NAME"] == nil)
  }

  @Test("The line names the channel, else the path without its query, else the route")
  func place() {
    let place = { (channel: String, path: String, route: String) in
      let closed = ClosedConnection.sample {
        ($0.channel, $0.path, $0.route) = (channel, path, route)
      }
      return JournalEntry.of(closed).dictionary["MESSAGE"]?.split(separator: " ")[3] ?? ""
    }
    #expect(place("/c", "/p", "/r") == "/c")
    #expect(place("", "/p?token=x", "/r") == "/p")
    #expect(place("", "", "/r") == "/r")
    #expect(place("", "", "") == "-")
  }

  @Test("Refused, opened, gap and plain messages")
  func others() {
    let refused = JournalEntry.of(.refused(.sample())).dictionary
    #expect(refused["MESSAGE"] == "refused 404 /nowhere 192.0.2.7:51234: no route for this path")
    #expect(refused["WSRELAY_HTTP_STATUS"] == "404")
    #expect(refused["WSRELAY_PATH"] == "/nowhere?key=***")
    #expect(refused["PRIORITY"] == "5")
    #expect(JournalEntry.of(.refused(.sample(status: 503))).dictionary["PRIORITY"] == "4")
    let opened = JournalEntry.of(.opened(.sample)).dictionary
    #expect(opened["MESSAGE"] == "opened /chat/lobby unix")
    #expect(opened["PRIORITY"] == "7")

    var losses = RecordLosses()
    losses.add("drain", count: 2)
    losses.add("peer-reset", count: 40)
    losses.add("kick", count: 2)
    var entry = JournalEntry()
    entry.fill(with: losses, time: 0)
    #expect(entry.dictionary["MESSAGE"] == "lost 44 records: peer-reset 40, drain 2, kick 2")
    #expect(entry.dictionary["WSRELAY_LOST"] == "44")
    #expect(entry.dictionary["WSRELAY_LOST_BY_CAUSE"] == "peer-reset=40 drain=2 kick=2")

    let report = DaemonReport(event: nil, priority: .error, message: "no")
    entry.fill(with: report, time: 0)
    #expect(Set(entry.dictionary.keys) == ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"])
    #expect(JournalEntry.of(report, .text).line == "1970-01-01T00:00:00.000000Z error: no")
  }

  @Test(
    "Durations in their two largest units",
    arguments: [
      (0, "0ms"), (850_999, "850ms"), (1_000_000, "1s"), (59_999_999, "59s"),
      (60_000_000, "1m0s"), (192_000_000, "3m12s"), (3_600_000_000, "1h0m"),
      (7_500_000_000, "2h5m"), (86_400_000_000, "1d0h"), (UInt64.max, "213503982d8h"),
    ] as [(UInt64, String)])
  func durations(microseconds: UInt64, expected: String) {
    #expect(ElapsedText.of(microseconds: microseconds) == expected)
  }

  @Test("Times of the same second, of the next, and of one before")
  func timeStamps() {
    var times = TimeStampText()
    var bytes = RecordBytes()
    for time in [1_772_356_087_000_042, 1_772_356_087_999_999, 1_772_356_088_000_000, 7] as [Int64]
    {
      times.append(time, to: &bytes)
    }
    let text = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    let expected = [
      "2026-03-01T09:08:07.000042Z", "2026-03-01T09:08:07.999999Z",
      "2026-03-01T09:08:08.000000Z", "1970-01-01T00:00:00.000007Z",
    ]
    #expect(text == expected.joined())
  }

  @Test(
    "Numbers of every length, filled up to a width",
    arguments: [
      (0, 1, "0"), (9, 1, "9"), (10, 1, "10"), (99, 2, "99"), (42, 6, "000042"),
      (9_999_999_999_999_999_999, 1, "9999999999999999999"),
      (10_000_000_000_000_000_000, 1, "10000000000000000000"),
      (.max, 1, "18446744073709551615"), (.max, 20, "18446744073709551615"),
    ] as [(UInt64, Int, String)])
  func decimals(number: UInt64, width: Int, expected: String) {
    var bytes = RecordBytes()
    bytes.append(decimal: number, width: width)
    #expect(bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } == expected)
  }

  @Test("Message ids are distinct and well formed")
  func messageIDs() {
    let ids =
      CloseCause.allCases.map(\.messageID) + RecordEvent.allCases.compactMap(\.messageID)
    #expect(ids.count == CloseCause.allCases.count + RecordEvent.allCases.count - 1)
    #expect(Set(ids).count == ids.count)
    for id in ids {
      #expect(id.utf8.count == 32 && id.allSatisfy { "0123456789abcdef".contains($0) })
    }
  }

  @Test("auto is the journal only where standard error is the journal's stream")
  func target() {
    let resolve = { (target: Configuration.Log.Target, isStream: Bool, isAvailable: Bool) in
      var log = Configuration.builtIn.log
      log.target = target
      return RecordTarget.resolve(
        log, standardErrorIsJournal: isStream, journalIsAvailable: isAvailable)
    }
    #expect(resolve(.auto, true, true) == .journal)
    #expect(resolve(.auto, false, true) == .standardError(.text))
    #expect(
      resolve(.auto, true, false)
        == .standardError(StandardErrorLayout(format: .text, isJournalStream: true)))
    #expect(resolve(.journal, false, false) == .journal)
    #expect(resolve(.stderr, false, true) == .standardError(.text))
  }
}
