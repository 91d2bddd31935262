// Chance that can be had again: a generator that its seed determines, and which seeds a run takes.

import Foundation

/// SplitMix64: small, and good enough to choose faults and sizes.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed &* 0xD134_2543_DE82_EF95 &+ 0x9E37_79B9 }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// A number from 0 to `count - 1`; 0 if there is none.
  package mutating func below(_ count: Int) -> Int {
    count <= 1 ? 0 : Int(next() % UInt64(count))
  }

  /// True once in `count` times.
  package mutating func once(in count: Int) -> Bool { below(count) == 0 }

  /// One of the elements, of which there must be some.
  package mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[below(elements.count)]
  }

  /// A size that is often small, sometimes at a boundary of the framing, seldom large.
  package mutating func size(atMost maximum: Int) -> Int {
    let size =
      switch below(8) {
      case 0: pick([0, 1, 124, 125, 126, 127, 128])
      case 1: below(4096)
      case 2: once(in: 4) ? pick([65_534, 65_535, 65_536, 65_537, 70_000]) : below(300)
      default: below(60)
      }
    return min(size, maximum)
  }

  package mutating func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: next()) { bytes += $0 } }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// The seeds of a run: `WSRELAY_SEED=S` takes that one alone, `WSRELAY_SEEDS=N` as many.
package enum SeedSelection {
  package static func seeds(default count: Int) -> [UInt64] {
    let environment = ProcessInfo.processInfo.environment
    if let seed = environment["WSRELAY_SEED"].flatMap({ UInt64($0) }) { return [seed] }
    let wanted = environment["WSRELAY_SEEDS"].flatMap { UInt64($0) } ?? UInt64(count)
    return Array(1...max(wanted, 1))
  }
}
