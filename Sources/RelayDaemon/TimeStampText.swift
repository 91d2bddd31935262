// When a record was made, as text.

import Glibc

/// Writes times as RFC 3339 has them, in UTC: `2026-03-01T09:08:07.000042Z`.
///
/// Where there are thousands of records a second, nearly all are of the same second as the one
/// before: its text is kept.
struct TimeStampText: ~Copyable {
  private var second: Int64?
  /// The text of `second`, up to the point before its fractions.
  private var text = RecordBytes()

  /// Appends a time in microseconds since 1970.
  mutating func append(_ time: Int64, to output: inout RecordBytes) {
    let second = time / 1_000_000
    if second != self.second { write(second) }
    output.append(text)
    output.append(decimal: UInt64(time % 1_000_000), width: 6)
    output.append(UInt8(ascii: "Z"))
  }

  private mutating func write(_ second: Int64) {
    self.second = second
    text.removeAll()
    var seconds = time_t(second)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    append(parts.tm_year + 1900, width: 4, end: "-")
    append(parts.tm_mon + 1, width: 2, end: "-")
    append(parts.tm_mday, width: 2, end: "T")
    append(parts.tm_hour, width: 2, end: ":")
    append(parts.tm_min, width: 2, end: ":")
    append(parts.tm_sec, width: 2, end: ".")
  }

  private mutating func append(_ part: Int32, width: Int, end: Unicode.Scalar) {
    text.append(decimal: UInt64(part), width: width)
    text.append(UInt8(ascii: end))
  }
}
