// One record of a close, read back. A field that is missing, or is not what it should be, is
// unknown; nothing of an entry can make decoding fail. Text is fit to be shown (`ShownText`).

import CloseEvents
import RelayCore
import WebSocketProtocol

/// A connection that ended, as far as its journal entry tells.
package struct CloseEntry: Sendable, Equatable {
  /// When journald received the record, in microseconds since 1970.
  package var time: UInt64 = 0
  /// The line that sums the record up; empty if unknown, as every text here.
  package var message = ""
  /// The slug of a `CloseCause`, or of one that this version does not know yet.
  package var cause = ""
  /// The rule, its limit and the value.
  package var detail = ""
  /// How far the connection had come, in the words of `ConnectionPhase`.
  package var phase = ""
  /// The code that sums the end up.
  package var closeCode: UInt16?
  /// The code that the peer sent.
  package var codeReceived: UInt16?
  /// Whether Close frames went both ways and TCP ended by FIN; nil if unknown.
  package var isClean: Bool?
  /// The path pattern of the route.
  package var route = ""
  /// The concrete channel of a broadcast route.
  package var channel = ""
  /// The path that was asked for.
  package var path = ""
  /// The address of the client, without its port.
  package var peer = ""
  /// The TCP port of the client.
  package var peerPort: UInt16?
  /// What the client called itself.
  package var userAgent = ""
  /// From accept to the end, in microseconds.
  package var lifetime: UInt64?
  /// Since the last byte received, in microseconds.
  package var idle: UInt64?
  /// Bytes that still waited for the peer.
  package var unsentByteCount: UInt64?
  /// Messages received from the peer.
  package var receivedMessageCount: UInt64?
  /// Messages sent to the peer.
  package var sentMessageCount: UInt64?
  /// How grave it is, 3 to 7 as syslog(3) numbers it.
  package var priority: UInt64?

  package init() {}
}

extension CloseEntry {
  /// The fields that a summary needs.
  package static let fieldsOfSummary: [JournalField] = [
    .cause, .closeCode, .codeReceived, .isClean, .route, .peer, .userAgent, .duration, .idle,
    .unsentByteCount, .phase,
  ]
  /// The fields that a line needs.
  package static let fieldsOfLine: [JournalField] = [
    .message, .cause, .causeDetail, .closeCode, .isClean, .route, .channel, .path, .peer, .peerPort,
    .duration, .idle, .receivedMessageCount, .sentMessageCount, .priority,
  ]

  /// Whatever of a close is among the fields.
  package init(_ fields: EntryFields) {
    time = fields.time
    fields.forEach { field, value in take(field, value) }
  }

  private mutating func take(_ field: JournalField, _ value: UnsafeRawBufferPointer) {
    switch field {
    case .message: message = ShownText.of(value, limit: EscapedText.messageByteCount)
    case .cause: cause = ShownText.of(value, limit: Self.causeByteCount)
    case .causeDetail: detail = ShownText.of(value)
    case .phase: phase = ShownText.of(value, limit: Self.causeByteCount)
    case .closeCode: closeCode = Self.number(value)
    case .codeReceived: codeReceived = Self.number(value)
    case .isClean: isClean = Self.truth(value)
    case .route: route = ShownText.of(value)
    case .channel: channel = ShownText.of(value)
    case .path: path = ShownText.of(value)
    case .peer: peer = ShownText.of(value)
    case .peerPort: peerPort = Self.number(value)
    case .userAgent: userAgent = ShownText.of(value)
    case .duration: lifetime = Self.number(value)
    case .idle: idle = Self.number(value)
    case .unsentByteCount: unsentByteCount = Self.number(value)
    case .receivedMessageCount: receivedMessageCount = Self.number(value)
    case .sentMessageCount: sentMessageCount = Self.number(value)
    case .priority: priority = Self.number(value)
    default: break
    }
  }

  /// Room for every slug there is, and for longer ones to come.
  private static let causeByteCount = 32

  /// A number in decimal digits and nothing else; nil if it is none, or too large.
  static func number<Number: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer) -> Number? {
    guard !bytes.isEmpty else { return nil }
    var number: Number = 0
    for byte in bytes {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, isTooLargeNow) = tens.addingReportingOverflow(Number(byte - UInt8(ascii: "0")))
      if isTooLarge || isTooLargeNow { return nil }
      number = sum
    }
    return number
  }

  /// `yes` or `no`; nil for anything else.
  static func truth(_ bytes: UnsafeRawBufferPointer) -> Bool? {
    if bytes.elementsEqual("yes".utf8) { return true }
    return bytes.elementsEqual("no".utf8) ? false : nil
  }
}

/// Records that could not be written, as a gap entry tells.
package struct LossEntry: Sendable, Equatable {
  /// How many records are missing; 0 if unknown.
  package var count: UInt64 = 0
  /// How many of which kind, in the order of the entry.
  package var byKind: [(kind: String, count: UInt64)] = []

  /// The fields that tell of losses.
  package static let fields: [JournalField] = [.lostCount, .lostByCause]
  /// More kinds than there are causes and events; a forged entry may name any number.
  private static let maximumKindCount = 64

  /// Whatever of a loss is among the fields.
  package init(_ fields: EntryFields) {
    fields.forEach { field, value in
      switch field {
      case .lostCount: count = CloseEntry.number(value) ?? 0
      case .lostByCause: byKind = Self.kinds(value)
      default: break
      }
    }
  }

  private static func kinds(_ text: UnsafeRawBufferPointer) -> [(kind: String, count: UInt64)] {
    text.split(separator: UInt8(ascii: " ")).prefix(maximumKindCount).compactMap { part in
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1)
      guard halves.count == 2,
        let count: UInt64 = CloseEntry.number(UnsafeRawBufferPointer(rebasing: halves[1]))
      else { return nil }
      return (ShownText.of(UnsafeRawBufferPointer(rebasing: halves[0]), limit: 32), count)
    }
  }

  package static func == (one: Self, other: Self) -> Bool {
    one.count == other.count && one.byKind.elementsEqual(other.byKind, by: ==)
  }
}
