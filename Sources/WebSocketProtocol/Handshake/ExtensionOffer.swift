// Sec-WebSocket-Extensions (RFC 6455 §9.1), read generically: what an extension's parameters mean
// is that extension's business.

/// One extension a client offers or a server accepted, with its parameters in order.
public struct ExtensionOffer: Sendable, Equatable {
  /// A parameter, with or without a value; quotes and escapes around the value are gone.
  public struct Parameter: Sendable, Equatable {
    /// A token; whether its case matters is for the extension to say.
    public var name: String
    /// A token even where it came in quotes; nil for a parameter without `=`.
    public var value: String?

    /// A parameter whose name and value must be tokens, for they are written without quotes.
    public init(_ name: String, _ value: String? = nil) {
      self.name = name
      self.value = value
    }
  }

  /// The extension token, such as `permessage-deflate`.
  public var name: String
  /// In the order they were written; one name may occur more than once.
  public var parameters: [Parameter]

  /// An extension whose name and parameters must be tokens (RFC 6455 §9.1).
  public init(name: String, parameters: [Parameter] = []) {
    self.name = name
    self.parameters = parameters
  }
}

extension ExtensionOffer: CustomStringConvertible {
  /// The extension as it is written in a header field.
  public var description: String {
    parameters.reduce(into: name) { text, parameter in
      text += "; \(parameter.name)"
      if let value = parameter.value { text += "=\(value)" }
    }
  }
}

extension ExtensionOffer {
  /// Reads the value of one Sec-WebSocket-Extensions header field.
  static func parseList(_ value: HeadSlice) throws(HTTPFault) -> [ExtensionOffer] {
    var parser = ExtensionListParser(value)
    return try parser.parse()
  }
}

/// Walks the grammar of RFC 6455 §9.1: extension-list = 1#extension,
/// extension = token *( ";" token [ "=" ( token | quoted-string ) ] ).
private struct ExtensionListParser {
  private var rest: HeadSlice

  init(_ value: HeadSlice) { rest = value }

  mutating func parse() throws(HTTPFault) -> [ExtensionOffer] {
    var offers: [ExtensionOffer] = []
    while true {
      // RFC 9110 §5.6.1.2: empty list elements are skipped.
      while take(",") {}
      if rest.isEmpty { break }
      offers.append(try offer())
      guard rest.isEmpty || take(",") else { throw Self.malformed }
    }
    // RFC 6455 §9.1: 1#extension, so at least one.
    guard !offers.isEmpty else { throw HTTPFault(400, "Sec-WebSocket-Extensions is empty") }
    return offers
  }

  private mutating func offer() throws(HTTPFault) -> ExtensionOffer {
    var offer = ExtensionOffer(name: try token())
    while take(";") {
      let name = try token()
      let value = take("=") ? try parameterValue() : nil
      offer.parameters.append(.init(name, value))
    }
    return offer
  }

  private mutating func parameterValue() throws(HTTPFault) -> String {
    guard rest.first == UInt8(ascii: "\"") else { return try token() }
    var unescaped: [UInt8] = []
    var index = 1
    while index < rest.count, rest[index] != UInt8(ascii: "\"") {
      if rest[index] == UInt8(ascii: "\\") { index += 1 }
      guard index < rest.count else { break }
      unescaped.append(rest[index])
      index += 1
    }
    guard index < rest.count else {
      throw HTTPFault(400, "unterminated quoted string in Sec-WebSocket-Extensions")
    }
    rest = rest.slice(index + 1..<rest.count)
    skipBlanks()
    // RFC 6455 §9.1: the value within the quotes, once unescaped, MUST be a token.
    guard !unescaped.isEmpty, unescaped.allSatisfy(HTTPSyntax.isTokenByte) else {
      throw Self.malformed
    }
    return String(decoding: unescaped, as: UTF8.self)
  }

  private mutating func token() throws(HTTPFault) -> String {
    skipBlanks()
    let end = rest.firstIndex { !HTTPSyntax.isTokenByte($0) } ?? rest.count
    guard end > 0 else { throw Self.malformed }
    let token = rest.head(end).text()
    rest = rest.slice(end..<rest.count)
    skipBlanks()
    return token
  }

  private mutating func take(_ separator: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard rest.first == UInt8(ascii: separator) else { return false }
    rest = rest.slice(1..<rest.count)
    skipBlanks()
    return true
  }

  private mutating func skipBlanks() {
    let start = rest.firstIndex { $0 != HTTPSyntax.space && $0 != HTTPSyntax.tab } ?? rest.count
    rest = rest.slice(start..<rest.count)
  }

  private static let malformed = HTTPFault(400, "Sec-WebSocket-Extensions is malformed")
}
