// Route patterns from the file: what is wrong with one, in an operator's words.

import RelayCore

extension RoutePattern {
  /// Reads a pattern and refuses one that no request could reach.
  init(configured text: String) throws(InvalidText) {
    guard text.utf8.count <= Limits.maximumPathByteCount else {
      throw InvalidText("a path has at most \(Limits.maximumPathByteCount) bytes")
    }
    do {
      try self.init(parsing: text)
    } catch {
      throw InvalidText(error.explanation)
    }
  }
}

extension RoutePattern.SyntaxError {
  fileprivate var explanation: String {
    switch self {
    case .notAbsolute: "a path begins with \"/\""
    case .queryOrFragment: "the query string takes no part in routing; a path has no \"?\" or \"#\""
    case .invalidCharacter(let character):
      "\(quoted(String(character))) cannot stand in a path"
    case .emptySegment: "a path has no empty segment and no \"/\" at its end"
    case .unbalancedBrace(let segment):
      "a parameter is a whole segment, as in \"/room/{name}\", not \(quoted(shortened(segment)))"
    case .emptyParameterName: "a parameter needs a name, as in \"/room/{name}\""
    case .duplicateParameter(let name): "the parameter {\(shortened(name))} is there twice"
    case .restNotLast: "\"*\" matches the rest of a path and can only be its last segment"
    }
  }
}
