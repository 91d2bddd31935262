// The message catalog: what `journalctl -x` shows below an entry of wsrelay. Each text is the
// explanation of the entry's cause or event, with the entry's own fields below it.
//
// systemd/wsrelay.catalog is this text; a test keeps the two equal.

import RelayCore

/// The text of systemd/wsrelay.catalog.
package enum MessageCatalog {
  private static let width = 78

  /// The whole file: a head, then one entry for every message id.
  package static var text: String {
    let closes = CloseCause.allCases.map { cause in
      entry(cause.messageID, cause.explanation, evidence: evidence(of: cause))
    }
    let others = RecordEvent.allCases.compactMap { event -> String? in
      guard let messageID = event.messageID, let explanation = event.explanation else { return nil }
      return entry(messageID, explanation, evidence: evidence(of: event))
    }
    return head + (closes + others).joined()
  }

  private static let head = """
    # What wsrelay's entries in the journal mean: journalctl -x shows these texts.
    # Made from Sources/CloseEvents; do not edit.

    """

  private static func entry(
    _ messageID: String, _ explanation: Explanation, evidence: [String]
  ) -> String {
    var lines = [
      "", "-- \(messageID)", "Subject: \(explanation.subject)", "Defined-By: wsrelay",
      "Documentation: man:wsrelay(8) man:wsrelay-closes(1)", "",
    ]
    lines += WrappedText.lines(explanation.meaning, width: width)
    lines += section("Usual reasons:", explanation.reasons)
    lines += section("What to do:", explanation.advice)
    if !evidence.isEmpty { lines += [""] + evidence }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func section(_ title: String, _ sentences: [String]) -> [String] {
    if sentences.isEmpty { return [] }
    return ["", title] + sentences.flatMap { WrappedText.lines($0, width: width, first: "- ") }
  }

  // MARK: - The entry's own fields

  /// A reference that journalctl replaces with the entry's value, or with nothing if it has none.
  private static func value(_ field: JournalField) -> String { "@\(field.rawValue)@" }

  private static let whereabouts =
    "Peer:     \(value(.peer)), on listener \(value(.listener)); port: \(value(.peerPort))"

  private static func evidence(of cause: CloseCause) -> [String] {
    var lines = [
      whereabouts,
      "Route:    \(value(.route)) \(value(.channel))",
      "Code:     \(value(.closeCode)) \(value(.closeName)); "
        + "clean: \(value(.isClean)), order: \(value(.closeOrder))",
      "Sent:     \(value(.codeSent)) \(value(.reasonSent))",
      "Received: \(value(.codeReceived)) \(value(.reasonReceived))",
      "Browser:  \(value(.peerSaw)) is what a browser most likely showed",
      "Lived:    \(value(.duration)) µs, the last byte came \(value(.idle)) µs before the end",
      "Messages: \(value(.receivedMessageCount)) received, \(value(.sentMessageCount)) sent",
    ]
    lines += extraEvidence(of: cause)
    return lines
  }

  private static func extraEvidence(of cause: CloseCause) -> [String] {
    switch cause.layer {
    case .tcp, .tls, .relay, .liveness:
      [
        "Kernel:   \(value(.errorName)), \(value(.tcpRetransmitCount)) retransmits, "
          + "round trip \(value(.tcpRoundTrip)) µs",
        "Unsent:   \(value(.unsentByteCount)) bytes",
      ]
    case .resource:
      [
        "Kernel:   \(value(.errorName))",
        "Unsent:   \(value(.unsentByteCount)) bytes, \(value(.droppedMessageCount)) messages "
          + "dropped",
        "Detail:   \(value(.causeDetail))",
      ]
    case .frame, .policy: ["Detail:   \(value(.causeDetail))"]
    case .http, .close, .admin, .lifecycle: []
    }
  }

  private static func evidence(of event: RecordEvent) -> [String] {
    switch event {
    case .reject:
      [
        whereabouts, "Path:     \(value(.path))", "Origin:   \(value(.origin))",
        "Answer:   \(value(.httpStatus)), \(value(.rule))",
      ]
    case .open: [whereabouts, "Route:    \(value(.route))", "Path:     \(value(.path))"]
    case .gap: ["Missing:  \(value(.lostCount)) entries: \(value(.lostByCause))"]
    case .start:
      [
        "Version:  \(value(.version))",
        "Limits:   \(value(.maximumConnectionCount)) connections, "
          + "\(value(.descriptorLimit)) descriptors",
      ]
    case .restart:
      [
        "Kept:     \(value(.adoptedCount)) connections, \(value(.closedCount)) closed",
        "Before:   version \(value(.previousVersion))",
      ]
    case .reload: ["Result:   \(value(.result)); \(value(.connectionCount)) connections open"]
    case .drain: ["Open:     \(value(.connectionCount)) connections"]
    case .stop:
      ["Closed:   \(value(.closedCount)) connections, \(value(.cleanCount)) of them cleanly"]
    case .close: []
    }
  }
}
