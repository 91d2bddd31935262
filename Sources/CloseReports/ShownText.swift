// Text out of the journal, made fit to be shown. Any local process can write a field named
// WSRELAY_…, so nothing is believed; but what wsrelay wrote has been escaped once, and escaping its
// backslashes again would show `\\x1b` where the record says `\x1b`.

import CloseEvents

/// The one way by which text of the journal gets into a report.
package enum ShownText {
  /// The bytes as text without one control character; at most `limit` of them are taken.
  ///
  /// It does not change text that has been through it, or through `EscapedText`, before.
  package static func of(
    _ bytes: UnsafeRawBufferPointer, limit: Int = EscapedText.maximumByteCount
  ) -> String {
    if bytes.count <= limit && bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) {
      return String(decoding: bytes, as: UTF8.self)
    }
    var output: [UInt8] = []
    var rest = limit
    // A backslash is never part of another character's encoding.
    let backslash = UInt8(ascii: "\\")
    for (index, run) in bytes.split(separator: backslash, omittingEmptySubsequences: false)
      .enumerated()
    {
      if index > 0 { output.append(backslash) }
      let text = UnsafeRawBufferPointer(rebasing: run).bindMemory(to: UInt8.self)
      // The mark of a cut takes three bytes itself.
      EscapedText.append(text, to: &output, limit: max(rest, 3))
      rest -= run.count + 1
      if rest <= 0 { break }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// The same for text that came by another way.
  package static func of(_ text: String, limit: Int = EscapedText.maximumByteCount) -> String {
    Array(text.utf8).withUnsafeBytes { of($0, limit: limit) }
  }
}
