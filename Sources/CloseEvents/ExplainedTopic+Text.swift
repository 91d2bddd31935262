// An explanation as it stands on a terminal.

import RelayCore

extension ExplainedTopic {
  private static let width = 80

  /// Everything there is to say of the topic, as lines of at most 80 columns.
  package var text: String {
    let explanation = explanation
    var lines = ["\(name)  \(explanation.subject)"] + facts + [""]
    lines += WrappedText.lines(explanation.meaning, width: Self.width)
    lines += Self.section("Usual reasons:", explanation.reasons)
    lines += Self.section("What to do:", explanation.advice)
    lines += relatedCauses
    lines += ["", "Find them: journalctl -u wsrelay \(match)"]
    return lines.joined(separator: "\n") + "\n"
  }

  /// Every topic with its subject, a line each.
  package static var list: String {
    let groups: [(title: String, topics: [ExplainedTopic])] = [
      ("Causes:", CloseCause.allCases.map(Self.cause)),
      ("Close codes:", all.filter { if case .code = $0 { true } else { false } }),
      ("Other events:", all.filter { if case .event = $0 { true } else { false } }),
    ]
    return groups.map { group in
      ([group.title] + group.topics.map(listLine)).joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  private static let nameWidth = 18

  private static func listLine(_ topic: ExplainedTopic) -> String {
    let padding = String(repeating: " ", count: max(1, nameWidth - topic.name.count))
    return "  \(topic.name)\(padding)\(topic.explanation.subject)"
  }

  private static func section(_ title: String, _ sentences: [String]) -> [String] {
    if sentences.isEmpty { return [] }
    return ["", title] + sentences.flatMap { WrappedText.lines($0, width: width, first: "- ") }
  }

  private var facts: [String] {
    guard case .cause(let cause) = self else { return [] }
    let initiator = cause == .tlsFailure ? "peer or relay" : cause.initiator.rawValue
    let priority = RecordPriority(rawValue: cause.priority).map { "\($0)" } ?? "\(cause.priority)"
    return [
      "",
      "Begun by: \(initiator)   Layer: \(cause.layer.rawValue)   Priority: \(priority)",

    ] + WrappedText.lines(cause.answer, width: Self.width, first: "wsrelay sends: ")
  }

  private var relatedCauses: [String] {
    guard case .code(let code) = self else { return [] }
    return ["", "What usually lies behind it in wsrelay's entries (`wsrelay explain CAUSE`):"]
      + code.likelyCauses.map { Self.listLine(.cause($0)) }
  }
}
