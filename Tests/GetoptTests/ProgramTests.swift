// Which command is run, and the exit code.

import Testing

@testable import Getopt

/// Returns how many options it was given, so that tests see which command ran, and how.
private struct Count: Command {
  static let name = "count"
  static let options = [Option.flag("one"), .flag("two")]
  static let help = ""
  private let parsed: ParsedArguments

  init(_ arguments: ParsedArguments) { parsed = arguments }
  func run() -> Int32 { Int32(Self.options.filter(parsed.has).count) }
}

private struct Refuse: Command {
  static let name = "refuse"
  static let options: [Option] = []
  static let maximumOperandCount = 1
  static let help = ""

  init(_ arguments: ParsedArguments) {}
  func run() throws -> Int32 { throw UsageError("refused") }
}

extension CommandLineTests {
  @Suite("Programs")
  struct Programs {
    private func run(_ typed: String, standard: (any Command.Type)? = Count.self) -> Int32 {
      Program(
        name: "test", version: "1", help: "", commands: [Count.self, Refuse.self],
        standard: standard, aliases: ["-n": "count"]
      ).run(typed.split(separator: " ").map(String.init))
    }

    @Test(
      "the command that is meant",
      arguments: [
        ("", 0), ("--one", 1), ("count --one --two", 2), ("-n --one", 1), ("--help", 0),
        ("count --help --one", 0), ("--version", 0), ("help", 0), ("help count", 0),
        ("--one --version", 0),
      ])
    func runs(typed: String, code: Int32) { #expect(run(typed) == code) }

    @Test(
      "what cannot be understood is 64",
      arguments: [
        "cuont", "--three", "count x", "--one count", "refuse", "refuse x y", "help x",
      ])
    func refuses(typed: String) { #expect(run(typed) == 64) }

    @Test("without a standard command one must be named")
    func noStandard() {
      #expect(run("", standard: nil) == 64)
      #expect(run("--one", standard: nil) == 64)
      #expect(run("count", standard: nil) == 0)
    }
  }
}
