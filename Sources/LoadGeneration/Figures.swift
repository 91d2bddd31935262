// Numbers as people read them, without Foundation: fixed decimals, thousands, units.

/// Numbers in words.
package enum Figures {
  /// With so many decimals.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    guard value.isFinite, abs(value) * scale < 9e18 else { return "\(value)" }
    let scaled = Int64((abs(value) * scale).rounded())
    let whole = scaled / Int64(scale)
    let sign = value < 0 && scaled != 0 ? "-" : ""
    if decimals == 0 { return "\(sign)\(whole)" }
    let rest = String(scaled % Int64(scale))
    let zeros = String(repeating: "0", count: decimals - rest.count)
    return "\(sign)\(whole).\(zeros)\(rest)"
  }

  /// Three significant digits where there are decimals at all.
  package static func short(_ value: Double) -> String {
    fixed(value, abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : 2)
  }

  /// A whole number, in groups of three digits.
  package static func count(_ value: Double) -> String {
    let digits = Array(fixed(value, 0))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 && digits[index - 1] != "-" { text += "," }
      text.append(digit)
    }
    return text
  }

  /// A time, given in nanoseconds, in the unit that suits it.
  package static func time(_ nanoseconds: UInt64) -> String {
    let value = Double(nanoseconds)
    if value < 999.5e3 { return short(value / 1e3) + " µs" }
    if value < 999.5e6 { return short(value / 1e6) + " ms" }
    return short(value / 1e9) + " s"
  }

  /// Bytes, in the unit that suits them.
  package static func bytes(_ count: Double) -> String {
    if count < 999.5 { return fixed(count, 0) + " B" }
    if count < 999.5e3 { return short(count / 1e3) + " kB" }
    if count < 999.5e6 { return short(count / 1e6) + " MB" }
    return short(count / 1e9) + " GB"
  }
}
