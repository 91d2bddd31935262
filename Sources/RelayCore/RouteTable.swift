// From the path of a request to its route: exact paths first, then more literal segments, then
// `{name}` before `/*`. The query never takes part. Paths are compared byte for byte, undecoded.

/// The routes of one configuration, ready to be matched.
public struct RouteTable: Sendable, Equatable {
  /// Sessions name their route by its index here; removed routes still in use stand last.
  public let routes: [Route]
  /// The patterns of `routes`, as records name them.
  let names: [String]
  private let matchedCount: Int
  private let exact: [String: Int]
  /// Routes with parameters, the one that wins first.
  private let patterns: [Int]

  /// A table of routes of which no two match the same paths; their order never decides a match.
  public init(_ routes: [Route]) { self.init(routes, matching: routes.count) }

  /// The first `matchedCount` routes are matched; the others are only kept.
  private init(_ routes: [Route], matching matchedCount: Int) {
    self.routes = routes
    self.names = routes.map(\.pattern.description)
    self.matchedCount = matchedCount
    let matched = routes[..<matchedCount]
    var exact: [String: Int] = [:]
    for index in matched.indices where !routes[index].pattern.hasParameters {
      exact[names[index]] = index
    }
    self.exact = exact
    self.patterns = matched.indices.filter { routes[$0].pattern.hasParameters }
      .sorted { Self.precedes(routes[$0].pattern, routes[$1].pattern) }
  }

  /// The same table with routes behind it that match nothing: their last sessions are closing.
  func appending(removed: [Route]) -> RouteTable {
    RouteTable(Array(routes[..<matchedCount]) + removed, matching: matchedCount)
  }

  /// The index of the route for a path without query; nil if there is none.
  public func match(_ path: String) -> Int? {
    if let index = exact[path] { return index }
    if patterns.isEmpty { return nil }
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    return patterns.first { Self.matches(routes[$0].pattern, segments) }
  }

  private static func matches(_ pattern: RoutePattern, _ segments: ArraySlice<Substring>) -> Bool {
    var rest = segments
    for part in pattern.segments {
      guard let segment = rest.popFirst() else { return false }
      switch part {
      case .literal(let text): if text != segment { return false }
      case .parameter: if segment.isEmpty { return false }
      case .rest: return !(segment.isEmpty && rest.isEmpty)
      }
    }
    return rest.isEmpty
  }

  /// Whether `a` wins where both match.
  private static func precedes(_ a: RoutePattern, _ b: RoutePattern) -> Bool {
    let (literalsOfA, literalsOfB) = (a.literalCount, b.literalCount)
    if literalsOfA != literalsOfB { return literalsOfA > literalsOfB }
    if a.endsWithRest != b.endsWithRest { return b.endsWithRest }
    // Same counts: the pattern that is literal earlier wins, then the longer one, so that the order
    // never depends on the file's.
    for (partOfA, partOfB) in zip(a.segments, b.segments) where partOfA.rank != partOfB.rank {
      return partOfA.rank < partOfB.rank
    }
    return a.segments.count > b.segments.count
  }
}

extension RoutePattern {
  fileprivate var literalCount: Int { segments.count { $0.rank == 0 } }
  fileprivate var endsWithRest: Bool { segments.last == .rest }
}

extension RoutePattern.Segment {
  fileprivate var rank: Int {
    switch self {
    case .literal: 0
    case .parameter: 1
    case .rest: 2
    }
  }
}
