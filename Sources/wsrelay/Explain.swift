// `wsrelay explain`: what a close code, a cause or an event means, and what to do about it.

import ArgumentParser
import CloseEvents
import RelayConfiguration

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a close code or cause means, and what to do about it.",
    discussion: """
      Understands close codes (1006), causes (peer-reset) and events (gap), also as they stand in \
      the journal (WSRELAY_CAUSE=peer-reset). Without an argument it lists them.
      """)

  @Argument(
    help: ArgumentHelp("A close code, a cause or an event.", valueName: "code|cause|event"),
    completion: .list(ExplainedTopic.all.map(\.name)))
  var topic: String?

  func run() throws {
    guard let topic else {
      print(ExplainedTopic.list, terminator: "")
      return
    }
    guard let known = ExplainedTopic(topic) else { throw ValidationError(Self.unknown(topic)) }
    print(known.text, terminator: "")
  }

  private static func unknown(_ topic: String) -> String {
    if !topic.isEmpty && topic.allSatisfy(\.isNumber) {
      return "A close code is a number from 0 to 65535; those that may be sent are 1000 to 1003, "
        + "1007 to 1014 and 3000 to 4999."
    }
    let shown = EscapedText.of(topic)
    let names = ExplainedTopic.all.map(\.name)
    guard let nearest = nearest(to: topic.lowercased(), among: names) else {
      return "Nothing is known of \"\(shown)\"; `wsrelay explain` without an argument lists what "
        + "is."
    }
    return "Nothing is known of \"\(shown)\"; did you mean \"\(nearest)\"?"
  }
}
