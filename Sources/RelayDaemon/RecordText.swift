// How a record reads to a person: the line in MESSAGE.

import CloseEvents
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
    if peer.family == .ipv6 && peer.port != 0 { output.append(UInt8(ascii: "[")) }
    appendHost(of: peer, to: &output)
    if peer.port == 0 { return }
    output.append(literal: peer.family == .ipv6 ? "]:" : ":")
    output.append(decimal: UInt64(peer.port))
  }

  /// Appends an address without its port as `PeerAddress.host` has it.
  private static func appendHost(of peer: PeerAddress, to output: inout RecordBytes) {
    guard peer.family == .ipv4 else { return output.append(text: peer.host) }
    for index in 0..<4 {
      if index > 0 { output.append(UInt8(ascii: ".")) }
      output.append(decimal: peer.high >> UInt64(56 - 8 * index) & 0xFF)
    }
  }

  /// Appends microseconds as `ElapsedText` has them.
  private static func append(elapsed microseconds: UInt64, to output: inout RecordBytes) {
    let (first, second) = ElapsedText.parts(ofMicroseconds: microseconds)
    output.append(decimal: first.count)
    output.append(literal: first.unit)
    guard let second else { return }
    output.append(decimal: second.count)
    output.append(literal: second.unit)
  }

  /// Appends the line of a closed connection:
  /// `closed 1006 peer-reset /chat/lobby 192.0.2.7:51234 after 3m12s, idle 41s, rx 120 tx 4518`.
  static func append(_ closed: ClosedConnection, to output: inout RecordBytes) {
    output.append(literal: "closed ")
    output.append(decimal: UInt64(closed.effectiveCode.rawValue))
    output.append(UInt8(ascii: " "))
    output.append(text: closed.cause.slug)
    output.append(UInt8(ascii: " "))
    appendPlace(channel: closed.channel, path: closed.path, route: closed.route, to: &output)
    output.append(UInt8(ascii: " "))
    append(closed.peer, to: &output)
    output.append(literal: " after ")
    append(elapsed: closed.duration, to: &output)
    output.append(literal: ", idle ")
    append(elapsed: closed.idle, to: &output)
    output.append(literal: ", rx ")
    output.append(decimal: closed.receivedMessageCount)
    output.append(literal: " tx ")
    output.append(decimal: closed.sentMessageCount)
  }

  /// Appends the line of a refused handshake:
  /// `refused 404 /nowhere 192.0.2.7:51234: no route for this path`.
  static func append(_ refused: RefusedHandshake, to output: inout RecordBytes) {
    output.append(text: "refused \(refused.status) ")
    appendPlace(channel: "", path: refused.path, route: "", to: &output)
    output.append(UInt8(ascii: " "))
    append(refused.peer, to: &output)
    output.append(literal: ": ")
    output.append(escaping: refused.rule)
  }

  /// Appends the line of a completed opening handshake: `opened /chat/lobby 192.0.2.7:51234`.
  static func append(_ opened: OpenedConnection, to output: inout RecordBytes) {
    output.append(literal: "opened ")
    appendPlace(channel: "", path: opened.path, route: opened.route, to: &output)
    output.append(UInt8(ascii: " "))
    append(opened.peer, to: &output)
  }

  /// Appends the number that tells a connection from all others, in sixteen hexadecimal digits.
  static func append(identifier number: UInt64, to output: inout RecordBytes) {
    withUnsafeBytes(of: digits(ofIdentifier: number)) {
      $0.withMemoryRebound(to: UInt8.self) { output.append($0) }
    }
  }

  /// The same as text.
  static func identifier(_ number: UInt64) -> String {
    withUnsafeBytes(of: digits(ofIdentifier: number)) { String(decoding: $0, as: UTF8.self) }
  }

  private static func digits(ofIdentifier number: UInt64) -> InlineArray<16, UInt8> {
    InlineArray { index in
      let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - 4 * index)) & 15
      return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
  }
}
