// What options a command has, as getopt_long(3) has to know them.

/// An option of a command: `--config FILE`, or `-f`.
package struct Option: Sendable, Equatable {
  /// Without its hyphens.
  package let name: String
  /// What stands for its value in texts; nil: it has none.
  package let valueName: String?
  /// Its short form.
  package let letter: Character?

  /// `--name VALUE`.
  package static func value(_ name: String, _ valueName: String, letter: Character? = nil)
    -> Option
  {
    Option(name: name, valueName: valueName, letter: letter)
  }

  /// `--name`, which is there or not.
  package static func flag(_ name: String, letter: Character? = nil) -> Option {
    Option(name: name, valueName: nil, letter: letter)
  }

  /// The options that every command has.
  package static let help = flag("help", letter: "h")
  package static let version = flag("version")

  /// As it is typed.
  package var text: String { "--" + name }
}
