// A point of the monotonic clock. The core never reads a clock: every turn is given its time.

/// A point in time, in microseconds since an origin that only the engine knows.
public struct Instant: Comparable, Hashable, Sendable {
  /// Since the origin.
  public var microseconds: Int64

  /// The point so many microseconds after the origin.
  @inline(__always)
  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// Before everything that happens.
  public static let origin = Instant(microseconds: 0)

  /// Whether `a` is earlier.
  @inline(__always)
  public static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }

  /// The instant so many microseconds later.
  @inline(__always)
  public static func + (instant: Instant, microseconds: Int64) -> Instant {
    Instant(microseconds: instant.microseconds &+ microseconds)
  }

  /// Microseconds from `b` to `a`.
  @inline(__always)
  public static func - (a: Instant, b: Instant) -> Int64 { a.microseconds &- b.microseconds }
}

extension Duration {
  /// The duration in whole microseconds, at most 292,000 years either way.
  public var wholeMicroseconds: Int64 {
    let (seconds, attoseconds) = components
    let limit = seconds < 0 ? Int64.min : .max
    let (product, isProductTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000)
    let (sum, isSumTooLarge) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
    return isProductTooLarge || isSumTooLarge ? limit : sum
  }
}
