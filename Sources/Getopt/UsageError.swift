// A command line that cannot be understood.

import Spelling

/// What is wrong with a command line, in words that say what to type instead.
package struct UsageError: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }

  /// A word that is none of those that are known. `otherwise` is said where none of them is near.
  package static func unknown(
    _ what: String, _ word: String, among known: [String], otherwise: String? = nil
  ) -> UsageError {
    let hint = nearest(to: word, among: known).map { "did you mean \"\($0)\"?" } ?? otherwise
    // As a literal: a control character in it must not reach a terminal.
    return UsageError("unknown \(what) \(word.debugDescription)" + (hint.map { "; \($0)" } ?? ""))
  }
}
