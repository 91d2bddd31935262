// How a record reads to a person: the line in MESSAGE, durations as people say them, time stamps.

import CloseEvents
import Glibc
import RelayCore

/// Pieces of text that more than one kind of record is made of.
enum RecordText {
  /// Appends the place a line names: the channel, else the path without its query, else the route.
  static func appendPlace(
    channel: String, path: String, route: String, to output: inout RecordBytes
  ) {
    let bare = path.isEmpty ? route : RecordedPath.withoutQuery(path)
    let place = channel.isEmpty ? bare : channel
    output.append(escaping: place.isEmpty ? "-" : place, asWord: true)
  }

  /// Appends an address as `PeerAddress.description` has it, without making text of it in between.
  private static func append(_ peer: PeerAddress, to output: inout RecordBytes) {
    if peer.family == .ipv6 { output.append(UInt8(ascii: "[")) }
    output.append(text: peer.host)
    if peer.family == .unix { return }
    output.append(text: peer.family == .ipv6 ? "]:" : ":")
    output.append(decimal: UInt64(peer.port))
  }

  /// Appends the line of a closed connection:
  /// `closed 1006 peer-reset /chat/lobby 192.0.2.7:51234 after 3m12s, idle 41s, rx 120 tx 4518`.
  static func append(_ closed: ClosedConnection, to output: inout RecordBytes) {
    output.append(text: "closed ")
    output.append(decimal: UInt64(closed.effectiveCode.rawValue))
    output.append(UInt8(ascii: " "))
    output.append(text: closed.cause.slug)
    output.append(UInt8(ascii: " "))
    appendPlace(channel: closed.channel, path: closed.path, route: closed.route, to: &output)
    output.append(UInt8(ascii: " "))
    append(closed.peer, to: &output)
    output.append(text: " after ")
    output.append(text: ElapsedText.of(microseconds: closed.duration))
    output.append(text: ", idle ")
    output.append(text: ElapsedText.of(microseconds: closed.idle))
    output.append(text: ", rx ")
    output.append(decimal: closed.receivedMessageCount)
    output.append(text: " tx ")
    output.append(decimal: closed.sentMessageCount)
  }

  /// Appends the line of a refused handshake:
  /// `refused 404 /nowhere 192.0.2.7:51234: no route for this path`.
  static func append(_ refused: RefusedHandshake, to output: inout RecordBytes) {
    output.append(text: "refused \(refused.status) ")
    appendPlace(channel: "", path: refused.path, route: "", to: &output)
    output.append(UInt8(ascii: " "))
    append(refused.peer, to: &output)
    output.append(text: ": ")
    output.append(escaping: refused.rule)
  }

  /// Appends the line of a completed opening handshake: `opened /chat/lobby 192.0.2.7:51234`.
  static func append(_ opened: OpenedConnection, to output: inout RecordBytes) {
    output.append(text: "opened ")
    appendPlace(channel: "", path: opened.path, route: opened.route, to: &output)
    output.append(UInt8(ascii: " "))
    append(opened.peer, to: &output)
  }

  /// A number in hexadecimal digits, filled up with zeros to sixteen.
  static func identifier(_ number: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { digits in
      for index in 0..<16 {
        let value = UInt8(truncatingIfNeeded: number >> (60 - 4 * index)) & 15
        digits[index] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
      }
      return 16
    }
  }

  /// Appends a time since 1970 as RFC 3339 has it, in UTC: `2026-03-01T09:08:07.000042Z`.
  static func append(microsecondsSince1970 time: Int64, to output: inout RecordBytes) {
    var seconds = time_t(time / 1_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func append(_ value: Int, width: Int, end: UInt8) {
      output.append(decimal: UInt64(value), width: width)
      output.append(end)
    }
    append(Int(parts.tm_year) + 1900, width: 4, end: UInt8(ascii: "-"))
    append(Int(parts.tm_mon) + 1, width: 2, end: UInt8(ascii: "-"))
    append(Int(parts.tm_mday), width: 2, end: UInt8(ascii: "T"))
    append(Int(parts.tm_hour), width: 2, end: UInt8(ascii: ":"))
    append(Int(parts.tm_min), width: 2, end: UInt8(ascii: ":"))
    append(Int(parts.tm_sec), width: 2, end: UInt8(ascii: "."))
    append(Int(time % 1_000_000), width: 6, end: UInt8(ascii: "Z"))
  }
}
