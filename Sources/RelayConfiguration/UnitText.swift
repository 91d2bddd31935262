// Durations and sizes as they are written: a number with a unit.

/// A duration as text: "250ms", "10s", "5m", "1h"; or several, largest unit first: "1h30m".
package enum DurationText {
  private static let units: [(name: String, milliseconds: Int)] = [
    ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
  ]

  /// Nil when the text is not a duration or does not fit.
  static func parse(_ text: String) -> Duration? {
    var rest = Substring(text)
    var total = 0
    var largestUsableUnit = 0
    while !rest.isEmpty {
      guard let number = leadingNumber(of: &rest) else { return nil }
      let unit = rest.prefix { !isDigit($0) }
      rest = rest.dropFirst(unit.count)
      guard let index = units.firstIndex(where: { $0.name == unit }), index >= largestUsableUnit
      else { return nil }
      largestUsableUnit = index + 1
      let (product, overflowsProduct) = number.multipliedReportingOverflow(
        by: units[index].milliseconds)
      let (sum, overflowsSum) = total.addingReportingOverflow(product)
      if overflowsProduct || overflowsSum { return nil }
      total = sum
    }
    return text.isEmpty ? nil : .milliseconds(total)
  }

  /// The shortest spelling with one unit, exact to the millisecond.
  package static func format(_ duration: Duration) -> String {
    let parts = duration.components
    let milliseconds = Int(parts.seconds) * 1000 + Int(parts.attoseconds / 1_000_000_000_000_000)
    if milliseconds == 0 { return "0s" }
    let unit = units.first { milliseconds.isMultiple(of: $0.milliseconds) } ?? ("ms", 1)
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }
}

/// A number of bytes as text: "512B", "64KiB", "1MiB", "1GiB".
enum SizeText {
  private static let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]

  /// Nil when the text is not a size or does not fit.
  static func parse(_ text: String) -> Int? {
    var rest = Substring(text)
    guard let number = leadingNumber(of: &rest),
      let (_, scale) = units.first(where: { $0.0 == rest })
    else { return nil }
    let (product, overflows) = number.multipliedReportingOverflow(by: scale)
    return overflows ? nil : product
  }

  /// The shortest exact spelling.
  static func format(_ byteCount: Int) -> String {
    if byteCount == 0 { return "0B" }
    let (name, scale) = units.first { byteCount.isMultiple(of: $0.1) } ?? ("B", 1)
    return "\(byteCount / scale)\(name)"
  }
}

/// Takes digits off the front; nil when there are none or the number does not fit.
private func leadingNumber(of text: inout Substring) -> Int? {
  let digits = text.prefix(while: isDigit)
  text = text.dropFirst(digits.count)
  return Int(digits)
}

private func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }
