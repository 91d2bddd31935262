// What `wsrelay explain` understands, and what it says.

import RelayCore
import Testing
import WebSocketProtocol

@testable import CloseEvents

@Suite("Explanations")
struct ExplainedTopicTests {
  @Test(
    "Topics are understood as people type and paste them",
    arguments: [
      ("1006", ExplainedTopic.code(.abnormalClosure)),
      ("WSRELAY_CLOSE_CODE=1006", .code(.abnormalClosure)),
      ("peer-reset", .cause(.peerReset)), ("PEER_RESET", .cause(.peerReset)),
      ("WSRELAY_CAUSE=invalid-utf8", .cause(.invalidUTF8)), ("gap", .event(.gap)),
      ("drain", .cause(.drain)), ("65535", .code(CloseCode(rawValue: 65535))),
    ])
  func understood(text: String, topic: ExplainedTopic) {
    #expect(ExplainedTopic(text) == topic)
  }

  @Test(
    "What is no topic is none",
    arguments: ["", "close", "65536", "-1", "10 06", "peer", "=", "1006=", "ꟷ", "\u{0}"])
  func notUnderstood(text: String) { #expect(ExplainedTopic(text) == nil) }

  @Test("Every topic is found by its name and says what it is and what to do")
  func complete() {
    for topic in ExplainedTopic.all {
      #expect(ExplainedTopic(topic.name) == topic)
      let explanation = topic.explanation
      #expect(!explanation.subject.isEmpty && !explanation.subject.hasSuffix("."))
      for sentence in [explanation.meaning] + explanation.reasons + explanation.advice {
        #expect(sentence.hasSuffix(".") || sentence.hasSuffix("`."), "\(topic.name): \(sentence)")
      }
      #expect(topic.text.hasPrefix("\(topic.name)  \(explanation.subject)\n"))
      #expect(topic.text.contains("journalctl -u wsrelay \(topic.match)\n"))
      #expect(topic.text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(topic.text)")
    }
  }

  @Test("Causes have reasons and advice, each of their own")
  func causes() {
    for cause in CloseCause.allCases {
      #expect(!cause.explanation.reasons.isEmpty && !cause.explanation.advice.isEmpty)
    }
    #expect(Set(CloseCause.allCases.map(\.explanation.subject)).count == CloseCause.allCases.count)
    #expect(Set(CloseCause.allCases.map(\.explanation.meaning)).count == CloseCause.allCases.count)
  }

  @Test("Every number that a Close frame can hold has an answer, by the ranges of RFC 6455 §7.4.2")
  func codes() {
    for number in 0...UInt16.max {
      let code = CloseCode(rawValue: number)
      #expect(!code.explanation.meaning.isEmpty && !code.likelyCauses.isEmpty)
    }
    #expect(CloseCode(rawValue: 999).explanation.subject == "Not a close code")
    #expect(CloseCode(rawValue: 2999).explanation.subject == "Reserved for the protocol")
    #expect(CloseCode(rawValue: 3999).explanation.subject == "Of a library or framework")
    #expect(CloseCode(rawValue: 4000).explanation.subject == "Of the application itself")
    #expect(CloseCode(rawValue: 5000).explanation.subject == "Not a close code")
  }

  @Test("A text as it stands on a terminal")
  func text() {
    #expect(
      ExplainedTopic.cause(.unsupportedData).text == """
        unsupported-data  The peer sent a kind of message the route does not accept

        Begun by: relay   Layer: frame   Priority: warning
        wsrelay sends: 1003

        The route accepts only text or only binary (`accept`), and the peer sent the
        other kind. wsrelay closed with 1003.

        Usual reasons:
        - The client sends a string where it should send bytes, or the reverse.

        What to do:
        - Change the client, or `accept` of the route in /etc/wsrelay.conf; a reload is
          enough.

        Find them: journalctl -u wsrelay WSRELAY_CAUSE=unsupported-data

        """)
  }

  @Test("The list has every topic once")
  func list() {
    let names = ExplainedTopic.list.split(separator: "\n").filter { $0.hasPrefix("  ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(names == ExplainedTopic.all.map(\.name))
  }
}
