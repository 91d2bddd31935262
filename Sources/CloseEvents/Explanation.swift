// What an operator is told about a cause, a close code or an event: the same words for the message
// catalog (`journalctl -x`) and for `wsrelay explain`.

/// What something in the journal means, why it usually happens, and what to do about it.
package struct Explanation: Sendable, Equatable {
  /// What happened in half a sentence, without a full stop.
  package let subject: String
  /// What happened, in whole sentences.
  package let meaning: String
  /// What usually lies behind it, the most frequent first; each a whole sentence.
  package let reasons: [String]
  /// What to do about it, the most useful first; each a whole sentence.
  package let advice: [String]

  init(_ subject: String, _ meaning: String, reasons: [String] = [], advice: [String] = []) {
    self.subject = subject
    self.meaning = meaning
    self.reasons = reasons
    self.advice = advice
  }
}
