// `wsrelay explain`: what a close code, a cause or an event means, and what to do about it.

import CloseEvents
import Getopt
import Spelling

struct Explain: Command {
  static let name = "explain"
  static let options: [Option] = []
  static let maximumOperandCount = 1
  static let help = """
    Usage: wsrelay explain [CODE|CAUSE|EVENT]

    Say what a close code or cause means, and what to do about it.

    Understands close codes (1006), causes (peer-reset) and events (gap), also as they stand in
    the journal (WSRELAY_CAUSE=peer-reset). Without an argument it lists them.

    """

  private let topic: String?

  init(_ arguments: ParsedArguments) { topic = arguments.operands.first }

  func run() throws -> Int32 {
    guard let topic else {
      print(ExplainedTopic.list, terminator: "")
      return 0
    }
    guard let known = ExplainedTopic(topic) else { throw UsageError(Self.unknown(topic)) }
    print(known.text, terminator: "")
    return 0
  }

  private static func unknown(_ topic: String) -> String {
    if !topic.isEmpty && topic.allSatisfy(\.isNumber) {
      return "a close code is a number from 0 to 65535; those that may be sent are 1000 to 1003, "
        + "1007 to 1014 and 3000 to 4999"
    }
    let shown = EscapedText.of(topic)
    let names = ExplainedTopic.all.map(\.name)
    guard let nearest = nearest(to: topic.lowercased(), among: names) else {
      return "nothing is known of \"\(shown)\"; `wsrelay explain` without an argument lists what is"
    }
    return "nothing is known of \"\(shown)\"; did you mean \"\(nearest)\"?"
  }
}
