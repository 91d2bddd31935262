// JSON, written: objects whose keys keep their order.

/// A value of JSON.
package indirect enum JSONText {
  case string(String)
  case number(Double)
  case integer(Int)
  case bool(Bool)
  case null
  case array([JSONText])
  case object([(String, JSONText)])

  /// On one line.
  package var text: String {
    switch self {
    case .string(let value): Self.quoted(value)
    // JSON knows no infinity.
    case .number(let value): value.isFinite ? Self.trimmed(Figures.fixed(value, 6)) : "null"
    case .integer(let value): "\(value)"
    case .bool(let value): value ? "true" : "false"
    case .null: "null"
    case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { "\(Self.quoted($0)):\($1.text)" }.joined(separator: ",") + "}"
    }
  }

  private static func trimmed(_ text: String) -> String {
    let zeros = text.reversed().prefix { $0 == "0" }.count
    let rest = text.dropLast(zeros)
    return String(rest.hasSuffix(".") ? rest.dropLast() : rest)
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
