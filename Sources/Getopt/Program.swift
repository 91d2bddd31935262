// A program with commands: which one was typed, and what is said if none can be made out.

import Glibc

/// A program as it is called in a shell.
package struct Program: Sendable {
  package let name: String
  /// What `--version` prints behind the name.
  package let version: String
  /// What `--help` shows where no command is named.
  package let help: String
  package let commands: [any Command.Type]
  /// What runs if no command is named.
  package let standard: (any Command.Type)?
  /// Other names of commands.
  package let aliases: [String: String]

  // EX_USAGE and EX_SOFTWARE of sysexits(3).
  private static let usageExitCode: Int32 = 64
  private static let softwareExitCode: Int32 = 70

  package init(
    name: String, version: String, help: String, commands: [any Command.Type],
    standard: (any Command.Type)? = nil, aliases: [String: String] = [:]
  ) {
    self.name = name
    self.version = version
    self.help = help
    self.commands = commands
    self.standard = standard
    self.aliases = aliases
  }

  /// Does what the arguments, without the program's own name, ask for; returns the exit code.
  package func run(_ arguments: [String]) -> Int32 {
    var asking = name
    do {
      switch try choice(arguments) {
      case .overview: return show(help)
      case .version: return show("\(name) \(version)\n")
      case .command(let command, let arguments):
        asking = "\(name) \(command.name)"
        return try run(command, arguments)
      }
    } catch let error as UsageError {
      complain("\(error)\nTry `\(asking) --help`.")
      return Self.usageExitCode
    } catch {
      complain("\(error)")
      return Self.softwareExitCode
    }
  }

  private enum Choice {
    case overview
    case version
    case command(any Command.Type, [String])
  }

  private func choice(_ arguments: [String]) throws(UsageError) -> Choice {
    switch arguments.first.map({ aliases[$0] ?? $0 }) {
    case "-h", "--help": return .overview
    case "--version": return .version
    case "help":
      guard arguments.count > 1 else { return .overview }
      return .command(try command(arguments[1]), [Option.help.text])
    case let first? where !first.hasPrefix("-"):
      return .command(try command(first), Array(arguments.dropFirst()))
    default:
      guard let standard else { throw UsageError("no command; \(list)") }
      return .command(standard, arguments)
    }
  }

  private func command(_ typed: String) throws(UsageError) -> any Command.Type {
    if let command = commands.first(where: { $0.name == typed }) { return command }
    throw .unknown("command", typed, among: names, otherwise: list)
  }

  private var names: [String] { commands.map { $0.name } }
  private var list: String { "there are " + names.joined(separator: ", ") }

  private func run(_ command: any Command.Type, _ arguments: [String]) throws -> Int32 {
    let parsed = try ParsedArguments(
      arguments, options: command.options + [Option.help, Option.version])
    if parsed.has(.help) { return show(command.help) }
    if parsed.has(.version) { return show("\(name) \(version)\n") }
    if let operand = parsed.operands.dropFirst(command.maximumOperandCount).first {
      let isCommand = names.contains(operand)
      throw UsageError(
        "unexpected argument \(operand.debugDescription)"
          + (isCommand ? "; a command comes before its options" : ""))
    }
    return try command.init(parsed).run()
  }

  private func show(_ text: String) -> Int32 {
    print(text, terminator: "")
    return 0
  }

  private func complain(_ text: String) { Self.complain(name, text) }

  /// Writes an error of a program to standard error.
  package static func complain(_ name: String, _ text: String) {
    var text = "\(name): error: \(text)\n"
    text.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
