// Times as operators type them.

import Testing

@testable import CloseReports

@Suite("Times on the command line")
struct TimeExpressionTests {
  /// 2026-11-24 10:00:00 UTC, a Tuesday.
  private static let now = sampleStart

  @Test(
    "What is understood",
    arguments: [
      ("now", 0), ("-1h", -3600), ("-90s", -90), ("2h ago", -7200), ("2h 30min ago", -9000),
      ("1d12h ago", -129_600), ("+5m", 300), ("-1w", -604_800), ("  -1h ", -3600),
      ("today", -36_000), ("yesterday", -122_400), ("tomorrow", 50_400), ("2026-11-24", -36_000),
      ("2026-11-24 09:30", -1800), ("2026-11-24 09:30:15", -1785), ("09:30", -1800),
      ("09:30:15", -1785), ("2026-11-24 09:30 UTC", -1800), ("2026-11-24T09:30:00Z", -1800),
      ("2026-11-24T09:30:00+00:30", -3600), ("2026-11-24T09:30:00.5-01:00", 1800),
      ("@1795514400", 0), ("@1795514399", -1), ("2024-02-29", -86_349_600),
    ])
  func understood(text: String, offset: Int) throws {
    let time = try #require(TimeExpression.parse(text, now: Self.now, clock: .utc))
    let distance = Int64(time) - Int64(Self.now)
    #expect(distance / 1_000_000 == offset, "\(text): \(WallClock.rfc3339(time))")
  }

  @Test("Fractions of a second count")
  func fractions() {
    #expect(TimeExpression.parse("@1.25", now: 0, clock: .utc) == 1_250_000)
    #expect(
      TimeExpression.parse("1970-01-01 00:00:01.000001", now: 0, clock: .utc) == 1_000_001)
    #expect(TimeExpression.parse("@1.1234567", now: 0, clock: .utc) == 1_123_456)
  }

  @Test("Before 1970 is 1970")
  func beginning() {
    #expect(TimeExpression.parse("-100y", now: Self.now, clock: .utc) == 0)
    #expect(TimeExpression.parse("-5m", now: 1, clock: .utc) == 0)
  }

  @Test(
    "What is not",
    arguments: [
      "", " ", "-", "1h", "90s", "-1", "-1x", "-h", "--1h", "ago", " ago", "@", "@x", "@-1", "@1.",
      "@99999999999999999999", "-99999999999999999999h", "-9999999999999y", "2026-13-01",
      "2026-02-30", "2026-1-1", "26-11-24", "24:00", "10:60", "10:00:60", "10", "10:0",
      "2026-11-24T", "2026-11-24T10:00:00+24:00", "2026-11-24T10:00:00+0",
      "2026-11-24x10:00", "1969-12-31", "yesterday 10:00", "١٢:٠٠", "-١h", "\u{1B}[2J",
    ])
  func refused(text: String) {
    #expect(TimeExpression.parse(text, now: Self.now, clock: .utc) == nil)
  }

  @Test("Any time there is has a text")
  func texts() {
    #expect(WallClock.rfc3339(sampleStart + 42) == "2026-11-24T10:00:00.000042Z")
    #expect(WallClock.rfc3339(.max) == "9999-12-31T23:59:59.551615Z")
    #expect(WallClock.utc.text(0) == "1970-01-01 00:00:00")
  }
}
