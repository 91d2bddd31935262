// What makes a command of a program.

/// One command: what it understands, what it says of itself, and what it does.
package protocol Command: SendableMetatype {
  /// As it is typed.
  static var name: String { get }
  /// Besides `--help` and `--version`.
  static var options: [Option] { get }
  /// How many arguments it takes that are no options.
  static var maximumOperandCount: Int { get }
  /// What `--help` shows: a synopsis, what it is for, its options.
  static var help: String { get }

  /// A command as it was typed.
  init(_ arguments: ParsedArguments) throws(UsageError)

  /// Does what it is for; returns the exit code, having said why where it is not 0. A `UsageError`
  /// may still come up here.
  func run() throws -> Int32
}

extension Command {
  package static var maximumOperandCount: Int { 0 }
}
