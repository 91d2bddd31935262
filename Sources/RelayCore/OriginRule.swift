// Which web pages may connect (RFC 6455 §10.2): the Origin header against a route's list.

/// The comparison of an Origin with configured ones.
public enum OriginRule {
  /// Whether `origin` is allowed: equal to an entry, or under its one leading wildcard label.
  /// Scheme and host are compared without regard to case (RFC 6454 §4). A request without an Origin
  /// does not come from a page and is allowed only where the list is empty, which the caller
  /// checks.
  public static func allows(_ origin: String, _ allowed: [String]) -> Bool {
    // RFC 6454 §6.2: an origin is ASCII. Some other letters have an ASCII one for their lower case,
    // the Kelvin sign for one.
    guard origin.utf8.allSatisfy({ $0 < 0x80 }) else { return false }
    let origin = origin.lowercased()
    return allowed.contains { matches(origin, $0.lowercased()) }
  }

  private static func matches(_ origin: String, _ entry: String) -> Bool {
    guard let range = entry.firstRange(of: "://*.") else { return origin == entry }
    let scheme = entry[..<range.lowerBound]
    let parent = entry[range.upperBound...]
    guard origin.hasPrefix("\(scheme)://"), origin.hasSuffix(".\(parent)") else { return false }
    let label = origin.dropFirst(scheme.count + 3).dropLast(parent.count + 1)
    // One label, and nothing that would make the host end earlier.
    return !label.isEmpty && label.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
  }
}
