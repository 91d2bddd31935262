// The command line as it is typed, and what is said where it is mistyped.

import Testing

@testable import Getopt

/// getopt_long(3) has one state for the whole process: one test at a time.
@Suite("Command line", .serialized)
struct CommandLineTests {}

private enum Colour: String, CaseIterable { case red, green }

extension CommandLineTests {
  @Suite("Arguments")
  struct Arguments {
    private static let config = Option.value("config", "FILE")
    private static let colour = Option.value("colour", "COLOUR", letter: "c")
    private static let follow = Option.flag("follow", letter: "f")
    private static let json = Option.flag("json")
    private static let options = [config, colour, follow, json]

    private func parse(_ arguments: String...) throws(UsageError) -> ParsedArguments {
      try ParsedArguments(arguments, options: Self.options)
    }

    @Test("options in all forms and places")
    func forms() throws {
      let parsed = try parse(
        "a", "--config", "x", "b", "-fcred", "--json", "--config=y", "--", "-f")
      #expect(parsed.values(of: Self.config) == ["x", "y"])
      #expect(parsed.value(of: Self.config) == "y")
      #expect(parsed.value(of: Self.colour) == "red")
      #expect(parsed.has(Self.follow) && parsed.has(Self.json))
      #expect(parsed.operands == ["a", "b", "-f"])
    }

    @Test("nothing is something")
    func empty() throws {
      let parsed = try parse()
      #expect(parsed.operands.isEmpty && !parsed.has(Self.json))
      #expect(parsed.value(of: Self.config) == nil)
      #expect(try parse("--config=").value(of: Self.config)?.isEmpty == true)
    }

    @Test("a value may look like an option or a negative number")
    func values() throws {
      #expect(try parse("--config", "--json").value(of: Self.config) == "--json")
      #expect(try parse("--config", "-1h").value(of: Self.config) == "-1h")
    }

    @Test(
      "mistakes are named, and what was meant",
      arguments: [
        (["--cofnig"], #"unknown option "--cofnig"; did you mean "--config"?"#),
        (["--cofnig=x"], #"unknown option "--cofnig"; did you mean "--config"?"#),
        (["x", "--wibble", "y"], #"unknown option "--wibble""#),
        (["--\u{1B}[2J"], #"unknown option "--\u{1B}[2J""#),
        (["-fx"], #"unknown option "-x""#),
        (["--config"], "--config needs a value: --config FILE"),
        (["-c"], "--colour needs a value: --colour COLOUR"),
        (["--json=yes"], "--json takes no value"),
        (["--co=x"], #""--co" could be --config or --colour"#),
      ])
    func mistakes(arguments: [String], message: String) {
      #expect(throws: UsageError(message)) {
        try ParsedArguments(arguments, options: Self.options)
      }
    }

    @Test("one of several words")
    func choices() throws {
      #expect(try parse("--colour", "green").choice(of: Self.colour) == Colour.green)
      #expect(try parse().choice(of: Self.colour) == Colour?.none)
      let message = #"--colour is one of red, green, not "gren"; did you mean "green"?"#
      #expect(throws: UsageError(message)) {
        let _: Colour? = try parse("-c", "gren").choice(of: Self.colour)
      }
    }
  }
}
