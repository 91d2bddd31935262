// What can be explained, as an operator names it: a cause, a close code, an event.

import RelayCore
import WebSocketProtocol

/// Something that `wsrelay explain` has a text on.
package enum ExplainedTopic: Hashable, Sendable {
  /// Why connections end.
  case cause(CloseCause)
  /// A number, whether or not it may be sent.
  case code(CloseCode)
  /// Another event of the journal; `drain` is explained as the cause it also is.
  case event(RecordEvent)

  /// Understands a topic as people type or paste it: `1006`, `peer-reset`, `PEER_RESET`,
  /// `WSRELAY_CAUSE=peer-reset`; nil for what is none.
  package init?(_ text: String) {
    let value = text.split(separator: "=", omittingEmptySubsequences: false).last ?? ""
    let word = value.lowercased().replacing("_", with: "-")
    if let number = UInt16(word) {
      self = .code(CloseCode(rawValue: number))
    } else if let cause = CloseCause(rawValue: word) {
      self = .cause(cause)
    } else if let event = RecordEvent(rawValue: word), event != .close {
      self = .event(event)
    } else {
      return nil
    }
  }

  /// Every topic there is a text on; of the codes those that are registered.
  package static let all: [ExplainedTopic] =
    CloseCause.allCases.map(Self.cause) + CloseCode.registered.map(Self.code)
    + RecordEvent.allCases.filter { $0 != .close && CloseCause(rawValue: $0.rawValue) == nil }
    .map(Self.event)

  /// How the topic is called.
  package var name: String {
    switch self {
    case .cause(let cause): cause.slug
    case .code(let code): "\(code.rawValue)"
    case .event(let event): event.rawValue
    }
  }

  /// What is to be said of it.
  package var explanation: Explanation {
    switch self {
    case .cause(let cause): cause.explanation
    case .code(let code): code.explanation
    case .event(let event):
      event.explanation ?? Explanation("A connection ended", "Its cause says why.")
    }
  }

  /// The match by which journalctl finds entries of this topic.
  package var match: String {
    switch self {
    case .cause: "\(JournalField.cause.rawValue)=\(name)"
    case .code: "\(JournalField.closeCode.rawValue)=\(name)"
    case .event: "\(JournalField.event.rawValue)=\(name)"
    }
  }
}
