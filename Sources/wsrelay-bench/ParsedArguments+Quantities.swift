// Numbers, times and sizes as they are typed.

import Getopt

extension ParsedArguments {
  /// A whole number.
  func number(of option: Option, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
    guard let text = value(of: option) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError(
        "\(option.text) is a number from \(range.lowerBound) to \(range.upperBound), not "
          + text.debugDescription)
    }
    return number
  }

  /// A time: seconds, or with a unit.
  func time(of option: Option) throws(UsageError) -> Duration? {
    guard let text = value(of: option) else { return nil }
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let units = ["": 1.0, "s": 1, "ms": 0.001, "m": 60, "h": 3600]
    guard let number = Double(digits), let unit = units[String(text.dropFirst(digits.count))],
      number * unit <= 1_000_000
    else {
      throw UsageError(
        "\(option.text) is a time such as 10, 500ms or 2m, not \(text.debugDescription)")
    }
    return .milliseconds(Int((number * unit * 1000).rounded()))
  }

  /// Sizes in bytes, with commas between them.
  func sizes(of option: Option) throws(UsageError) -> [Int]? {
    guard let text = value(of: option) else { return nil }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map {
      size throws(UsageError) in
      let units = ["": 1, "K": 1 << 10, "M": 1 << 20]
      let digits = size.prefix(while: \.isNumber)
      guard let number = Int(digits), let unit = units[size.dropFirst(digits.count).uppercased()],
        (0...Self.largestSize / unit).contains(number)
      else {
        throw UsageError(
          "\(option.text) is a size such as 64, 16K or 1M, at most 256M, not "
            + String(size).debugDescription)
      }
      return number * unit
    }
  }

  private static var largestSize: Int { 256 << 20 }
}
