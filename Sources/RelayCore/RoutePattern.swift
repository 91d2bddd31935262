// The path pattern of a route, and how it matches the path of a request.

/// A path pattern: literal segments, `{name}` for one segment, a trailing `/*` for the rest.
public struct RoutePattern: Hashable, Sendable {
  /// One part of a pattern between slashes.
  public enum Segment: Hashable, Sendable {
    /// Matches a segment of just this text, which is compared without decoding.
    case literal(String)
    /// Matches exactly one non-empty segment.
    case parameter(String)
    /// Matches whatever follows, at least one segment; only at the end.
    case rest
  }

  /// What stands behind each slash, in order; the path `/` is one empty literal.
  public let segments: [Segment]

  /// A pattern by its segments, of which nothing is checked.
  public init(segments: [Segment]) { self.segments = segments }

  /// A pattern without parameters, from a path such as `/echo` that is known to be valid.
  public init(literal path: String) {
    self.segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
      .map { .literal(String($0)) }
  }

  /// What is wrong with the text of a pattern.
  public enum SyntaxError: Error, Equatable, Sendable {
    /// The pattern does not begin with a slash.
    case notAbsolute
    /// A `?` or `#` in the pattern, although only paths are matched.
    case queryOrFragment
    /// A character that no request path has (RFC 3986 §3.3), or that a name in braces may not have.
    case invalidCharacter(Character)
    /// Two slashes in a row, or a slash at the end.
    case emptySegment
    /// A segment, given here, with a brace that is not part of one whole `{name}`.
    case unbalancedBrace(String)
    /// A segment `{}`, whose parameter has no name.
    case emptyParameterName
    /// Two parameters of one name, which is given here.
    case duplicateParameter(String)
    /// A `*` segment with others behind it.
    case restNotLast
  }

  /// Reads a pattern such as `/room/{name}` or `/files/*`.
  public init(parsing text: String) throws(SyntaxError) {
    guard text.hasPrefix("/") else { throw .notAbsolute }
    if text == "/" {
      self.init(segments: [.literal("")])
      return
    }
    var segments: [Segment] = []
    var names: Set<String> = []
    let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      let segment = try Self.parse(segment: String(part), isLast: index == parts.count - 1)
      if case .parameter(let name) = segment, !names.insert(name).inserted {
        throw .duplicateParameter(name)
      }
      segments.append(segment)
    }
    self.init(segments: segments)
  }

  private static func parse(segment: String, isLast: Bool) throws(SyntaxError) -> Segment {
    if segment == "*" {
      guard isLast else { throw .restNotLast }
      return .rest
    }
    if segment.isEmpty { throw .emptySegment }
    if segment.hasPrefix("{") || segment.hasSuffix("}") {
      guard segment.hasPrefix("{"), segment.hasSuffix("}") else { throw .unbalancedBrace(segment) }
      let name = String(segment.dropFirst().dropLast())
      if name.isEmpty { throw .emptyParameterName }
      if name.contains(where: { "{}".contains($0) }) { throw .unbalancedBrace(segment) }
      // Names end up in messages and logs: nothing that could pass for something else.
      if let odd = name.first(where: {
        !$0.isASCII || !($0.isLetter || $0.isNumber || "_-".contains($0))
      }) {
        throw .invalidCharacter(odd)
      }
      return .parameter(name)
    }
    for character in segment {
      if "{}".contains(character) { throw .unbalancedBrace(segment) }
      if "?#".contains(character) { throw .queryOrFragment }
      // RFC 3986 §3.3: what a path may contain, as a request line carries it.
      guard let value = character.asciiValue, value > 0x20, value < 0x7F,
        !"\"<>\\^`|*".contains(character)
      else { throw .invalidCharacter(character) }
    }
    return .literal(segment)
  }

  /// Whether concrete paths on this route are channels of their own.
  public var hasParameters: Bool {
    segments.contains { if case .literal = $0 { false } else { true } }
  }
}

extension RoutePattern: CustomStringConvertible {
  /// The pattern as it is written in the configuration file.
  public var description: String {
    segments.map { segment in
      switch segment {
      case .literal(let text): "/\(text)"
      case .parameter(let name): "/{\(name)}"
      case .rest: "/*"
      }
    }.joined()
  }

  /// Whether two patterns match the same paths, whatever their parameters are called.
  public func matchesSamePaths(as other: RoutePattern) -> Bool {
    segments.count == other.segments.count
      && zip(segments, other.segments).allSatisfy { pair in
        switch pair {
        case (.literal(let a), .literal(let b)): a == b
        case (.parameter, .parameter), (.rest, .rest): true
        default: false
        }
      }
  }
}
