// How often each cause occurred. A dictionary would hash the word of a cause for every connection
// that ends.

/// Counts by cause.
public struct CauseCounts: Sendable, Equatable {
  /// By the place of a cause in `CloseCause.allCases`.
  private var counts = [Int](repeating: 0, count: CloseCause.allCases.count)

  /// Nothing counted yet.
  public init() {}

  /// Counts one more.
  public mutating func add(_ cause: CloseCause) { counts[cause.index] += 1 }

  /// Adds the counts of others.
  public mutating func add(_ other: CauseCounts) {
    for index in counts.indices { counts[index] += other.counts[index] }
  }

  /// Each cause that occurred, and how often.
  public var dictionary: [CloseCause: Int] {
    Dictionary(uniqueKeysWithValues: zip(CloseCause.allCases, counts).filter { $1 > 0 })
  }
}

extension CloseCause {
  /// The most frequent causes stand first in the list.
  fileprivate var index: Int {
    guard let index = Self.allCases.firstIndex(of: self) else { preconditionFailure("not listed") }
    return index
  }
}
