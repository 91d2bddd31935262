// Entries as JSON, one object a line. The names are an interface (docs/close-events.md): those of
// the journal's fields in lower case without `WSRELAY_`, so that a field added to the record
// appears here without a change. A number is a number, and what is not known is absent.

import CloseEvents

/// Renders entries as JSON.
package enum CloseJSON {
  /// What kind of value a field has; a value of another kind is left out.
  private enum Kind {
    case text, number, truth
  }

  /// All that is known of an entry, but for what is the same in all of them.
  package static let fields = JournalField.ofConnections.filter { $0 != .identifier }

  /// The name of a field in the objects, such as `close_code`.
  package static func name(of field: JournalField) -> String {
    let name = field.rawValue
    return (name.hasPrefix("WSRELAY_") ? name.dropFirst(8) : name[...]).lowercased()
  }

  /// Appends the object of an entry, and a line break.
  package static func append(_ fields: EntryFields, to output: inout [UInt8]) {
    output.append(contentsOf: "{\"time\":\"\(WallClock.rfc3339(fields.time))\"".utf8)
    output.append(contentsOf: ",\"realtime_usec\":\(fields.time)".utf8)
    fields.forEach(sorted: true) { field, bytes in
      guard let value = value(bytes, kind(of: field)) else { return }
      output.append(contentsOf: ",\"\(name(of: field))\":\(value)".utf8)
    }
    output.append(contentsOf: "}\n".utf8)
  }

  private static func value(_ bytes: UnsafeRawBufferPointer, _ kind: Kind) -> String? {
    switch kind {
    case .text: quoted(ShownText.of(bytes, limit: EntryFields.maximumValueByteCount))
    case .number: (CloseEntry.number(bytes) as UInt64?).map { String($0) }
    case .truth: CloseEntry.truth(bytes).map { String($0) }
    }
  }

  /// Text without control characters needs no other escapes than these (RFC 8259 §7).
  private static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { output.unicodeScalars.append("\\") }
      output.unicodeScalars.append(scalar)
    }
    return output + "\""
  }

  private static func kind(of field: JournalField) -> Kind {
    switch field {
    case .isClean: .truth
    case .priority, .errorNumber, .closeCode, .codeSent, .codeReceived, .peerPort, .duration, .idle,
      .pingRoundTrip, .receivedMessageCount, .receivedByteCount, .sentMessageCount, .sentByteCount,
      .droppedMessageCount, .unsentByteCount, .tcpRetransmitCount, .tcpRoundTrip, .httpStatus,
      .lostCount:
      .number
    default: .text
    }
  }
}
