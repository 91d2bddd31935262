// Which fields each kind of record has, in order. A field whose value is unknown is left out, so
// that "has this field" is a query of its own.

import CloseEvents
import RelayCore
import Systemd
import WebSocketProtocol

extension JournalEntry {
  /// Becomes the record of what a shard reported.
  mutating func fill(with event: ConnectionEvent, time: Int64, includesPeerDetails: Bool) {
    switch event {
    case .closed(let closed): fill(closed, time: time, details: includesPeerDetails)
    case .refused(let refused): fill(refused, time: time, details: includesPeerDetails)
    case .opened(let opened): fill(opened, time: time, details: includesPeerDetails)
    }
  }

  private mutating func fill(_ closed: ClosedConnection, time: Int64, details: Bool) {
    begin(
      event: .close, messageID: closed.cause.messageID,
      priority: RecordPriority(rawValue: closed.cause.priority) ?? .notice, time: time,
      about: closed
    ) { RecordText.append($0, to: &$1) }
    append(connectionID: closed.connectionID)
    appendClosingHandshake(of: closed)
    appendCause(of: closed)
    append(.route, text: closed.route)
    append(.channel, text: closed.channel)
    append(path: closed.path, details: details)
    append(listener: closed.listener, peer: closed.peer, via: closed.via)
    append(.subprotocol, text: closed.subprotocol)
    if details { append(origin: closed.origin, userAgent: closed.userAgent) }
    appendFigures(of: closed)
  }

  private mutating func appendClosingHandshake(of closed: ClosedConnection) {
    append(.closeCode, UInt64(closed.effectiveCode.rawValue))
    append(.closeName, word: closed.effectiveCode.name)
    append(.codeSent, closed.codeSent.map { UInt64($0.rawValue) })
    append(.codeReceived, closed.codeReceived.map { UInt64($0.rawValue) })
    append(.reasonSent, text: closed.reasonSent, limit: EscapedText.reasonByteCount)
    append(.reasonReceived, text: closed.reasonReceived, limit: EscapedText.reasonByteCount)
    append(.closeOrder, word: closed.order.rawValue)
    append(.isClean, word: closed.isClean ? "yes" : "no")
    if isNeeded(.peerSaw) { append(.peerSaw, word: closed.peerSaw) }
  }

  private mutating func appendCause(of closed: ClosedConnection) {
    append(.initiator, word: closed.initiator.rawValue)
    append(.layer, word: closed.cause.layer.rawValue)
    append(.cause, word: closed.cause.slug)
    append(.causeDetail, text: closed.detail)
    append(.phase, word: closed.phase.rawValue)
    guard closed.errno > 0 else { return }
    append(.errorNumber, UInt64(closed.errno))
    if let name = ErrorNumber.name(of: closed.errno) { append(.errorName, word: name) }
  }

  private mutating func appendFigures(of closed: ClosedConnection) {
    append(.duration, closed.duration)
    append(.idle, closed.idle)
    append(.pingRoundTrip, closed.pingRoundTrip)
    append(.receivedMessageCount, closed.receivedMessageCount)
    append(.receivedByteCount, closed.receivedByteCount)
    append(.sentMessageCount, closed.sentMessageCount)
    append(.sentByteCount, closed.sentByteCount)
    append(.droppedMessageCount, closed.droppedMessageCount)
    append(.unsentByteCount, closed.unsentByteCount)
    append(.tcpRetransmitCount, closed.tcpRetransmitCount.map(UInt64.init))
    append(.tcpRoundTrip, closed.tcpRoundTrip.map(UInt64.init))
    if closed.restartCount > 0 { append(.restartCount, UInt64(closed.restartCount)) }
  }

  private mutating func fill(_ refused: RefusedHandshake, time: Int64, details: Bool) {
    // A 503 says something about this service, all others about the one who asked.
    begin(
      event: .reject, messageID: RecordEvent.reject.messageID,
      priority: refused.status == 503 ? .warning : .notice, time: time, about: refused
    ) { RecordText.append($0, to: &$1) }
    append(connectionID: refused.connectionID)
    append(.httpStatus, UInt64(clamping: refused.status))
    append(.rule, text: refused.rule)
    append(path: refused.path, details: details)
    append(listener: refused.listener, peer: refused.peer, via: refused.via)
    if details { append(origin: refused.origin, userAgent: refused.userAgent) }
    append(.duration, refused.duration)
  }

  private mutating func fill(_ opened: OpenedConnection, time: Int64, details: Bool) {
    begin(
      event: .open, messageID: RecordEvent.open.messageID, priority: .debug, time: time,
      about: opened
    ) { RecordText.append($0, to: &$1) }
    append(connectionID: opened.connectionID)
    append(.route, text: opened.route)
    append(path: opened.path, details: details)
    append(listener: opened.listener, peer: opened.peer, via: nil)
    append(.subprotocol, text: opened.subprotocol)
    if details { append(origin: opened.origin, userAgent: opened.userAgent) }
  }

  private mutating func append(connectionID: UInt64) {
    append(.connectionID, about: connectionID) { RecordText.append(identifier: $0, to: &$1) }
  }

  private mutating func append(path: String, details: Bool) {
    guard isNeeded(.path) else { return }
    append(.path, text: details ? RecordedPath.masked(path) : RecordedPath.withoutQuery(path))
  }

  private mutating func append(listener: String, peer: PeerAddress, via: PeerAddress?) {
    append(.listener, text: listener)
    if isNeeded(.peer) { append(.peer, word: peer.host) }
    if peer.port != 0 { append(.peerPort, UInt64(peer.port)) }
    if let via { append(.via, word: via.description) }
  }

  private mutating func append(origin: String, userAgent: String) {
    append(.origin, text: RecordedPath.masked(origin))
    append(.userAgent, text: userAgent)
  }
}

extension JournalEntry {
  /// Becomes the record of something the daemon itself has to say.
  mutating func fill(with report: DaemonReport, time: Int64) {
    begin(
      event: report.event, messageID: report.event?.messageID, priority: report.priority,
      time: time, about: report
    ) { $1.append(escaping: $0.message, limit: EscapedText.messageByteCount) }
    for field in report.fields {
      switch field.value {
      case .count(let count): append(field.name, UInt64(clamping: count))
      case .text(let text): append(field.name, text: text)
      }
    }
  }

  /// Becomes the record of how many records were lost, by cause.
  mutating func fill(with losses: RecordLosses, time: Int64) {
    begin(
      event: .gap, messageID: RecordEvent.gap.messageID, priority: .warning, time: time,
      about: losses
    ) { losses, line in
      line.append(text: "lost \(losses.total) records: ")
      let list = losses.sorted.map { "\($0.kind) \($0.count)" }.joined(separator: ", ")
      line.append(text: list)
    }
    append(.lostCount, UInt64(losses.total))
    let list = losses.sorted.map { "\($0.kind)=\($0.count)" }.joined(separator: " ")
    append(.lostByCause, word: list)
  }
}
