// Elapsed times as people say them.

/// How records and reports write how long something took.
package enum ElapsedText {
  /// A number of some unit.
  package typealias Part = (count: UInt64, unit: StaticString)

  /// A duration in its two largest units: `850ms`, `41s`, `3m12s`, `2h5m`, `9d4h`.
  package static func of(microseconds: UInt64) -> String {
    let (first, second) = parts(ofMicroseconds: microseconds)
    return "\(first.count)\(first.unit)" + (second.map { "\($0.count)\($0.unit)" } ?? "")
  }

  /// The pieces of that text, for those who write it elsewhere.
  package static func parts(ofMicroseconds microseconds: UInt64) -> (first: Part, second: Part?) {
    let seconds = microseconds / 1_000_000
    return switch seconds {
    case 0: ((microseconds / 1000, "ms"), nil)
    case ..<60: ((seconds, "s"), nil)
    case ..<3600: ((seconds / 60, "m"), (seconds % 60, "s"))
    case ..<86400: ((seconds / 3600, "h"), (seconds / 60 % 60, "m"))
    default: ((seconds / 86400, "d"), (seconds / 3600 % 24, "h"))
    }
  }
}
