// Which fuzzers there are. Each takes arbitrary bytes and insists on what holds for all of them; a
// condition that does not hold is a crash, and so is everything that the address sanitizer sees.

import Glibc

/// One fuzzer, by the name of its folders in `corpus` and `crashes`.
enum Target: String, CaseIterable {
  case handshake, answer, frames, utf8, deflate, proxy, shard, handover
  case configuration, routes, export

  /// The one that the environment names: libFuzzer knows no arguments but its own, and starts
  /// itself with them again.
  static let selected = getenv("FUZZ_TARGET").flatMap { Target(rawValue: String(cString: $0)) }

  /// Checks one input.
  func check(_ input: UnsafeRawBufferPointer) {
    var input = FuzzInput(input)
    switch self {
    case .handshake: HandshakeTarget.check(&input)
    case .answer: AnswerTarget.check(&input)
    case .frames: FramesTarget.check(&input)
    case .utf8: UTF8Target.check(&input)
    case .deflate: DeflateTarget.check(&input)
    case .proxy: ProxyTarget.check(&input)
    case .shard: ShardTarget.check(&input)
    case .handover: HandoverTarget.check(&input)
    case .configuration: ConfigurationTarget.check(&input)
    case .routes: RoutesTarget.check(&input)
    case .export: ExportTarget.check(&input)
    }
  }
}

/// Ends the process, with a line for whoever reads the report, where an invariant is broken.
func expect(
  _ condition: Bool, _ invariant: @autoclosure () -> String, file: StaticString = #fileID,
  line: UInt = #line
) {
  if !condition { fatalError(invariant(), file: file, line: line) }
}
