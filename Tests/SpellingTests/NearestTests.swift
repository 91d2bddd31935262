// Suggestions: what was meant, and when nothing was.

import Testing

@testable import Spelling

@Suite("Did you mean")
struct NearestTests {
  private static let words = [
    "idle_timeout", "idle_direction", "origins", "max_message_size", "max_message_rate",
    "max_connections", "ping_timeout", "ping_interval", "close_timeout", "mode", "path",
  ]

  @Test("the nearest known word is suggested, if one is near")
  func suggestions() {
    let near = [
      "idel_timeout": "idle_timeout", "idle_timeut": "idle_timeout", "idle-timeout": "idle_timeout",
      "orgins": "origins", "max_mesage_size": "max_message_size", "pingtimeout": "ping_timeout",
      "mdoe": "mode", "max_connection": "max_connections", "close_timout": "close_timeout",
    ]
    for (typed, known) in near { #expect(nearest(to: typed, among: Self.words) == known) }
    for far in ["", "x", "wibble", "timeout", String(repeating: "a", count: 1000)] {
      #expect(nearest(to: far, among: Self.words) == nil, "\(far)")
    }
  }

  @Test("edit distance counts a swap as one")
  func distance() {
    let cases = [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3)]
    for (left, right, expected) in cases {
      #expect(editDistance(Array(left.unicodeScalars), Array(right.unicodeScalars)) == expected)
    }
  }
}
