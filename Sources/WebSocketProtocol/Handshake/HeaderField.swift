// Header fields: the line `name: value` of RFC 9112 §5, as it comes and as it is written.

/// A header field to send.
public struct HeaderField: Sendable, Equatable {
  /// A token (RFC 9110 §5.1), written as it is.
  public var name: String
  /// Written as it is: a line end in it would forge further fields.
  public var value: String

  /// A field whose name is a token and whose value has no line ends.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// One header field of a head, by reference into it.
struct FieldLine {
  var name: HeadSlice
  /// Without the blanks around it.
  var value: HeadSlice

  /// Reads a line without its line end.
  init(_ line: HeadSlice) throws(HTTPFault) {
    guard let first = line.first else { throw HTTPFault(400, "empty line within the header") }
    // RFC 9112 §5.2: folded lines are read differently by different parsers, so none are taken.
    if first == HTTPSyntax.space || first == HTTPSyntax.tab {
      throw HTTPFault(400, "folded header field (obs-fold)")
    }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
      throw HTTPFault(400, "header field without a colon")
    }
    name = line.slice(0..<colon)
    guard HTTPSyntax.isToken(name) else {
      // RFC 9112 §5.1: a blank before the colon has been used to smuggle fields past proxies.
      if let last = name.last, last == HTTPSyntax.space || last == HTTPSyntax.tab {
        throw HTTPFault(400, "whitespace between header field name and colon")
      }
      throw HTTPFault(400, "invalid character in a header field name")
    }
    value = line.slice(colon + 1..<line.count).trimmed
    // RFC 9110 §5.5: CR, LF and NUL are dangerous within a value; no other control belongs there.
    guard value.isFieldValue else {
      throw HTTPFault(400, "control character in a header field value")
    }
  }
}

/// A header field that may occur once.
struct SingleField {
  private(set) var value = HeadSlice(start: nil, count: 0)
  private(set) var isPresent = false
  private(set) var isRepeated = false

  /// Takes the value of one occurrence; the first one stays.
  mutating func take(_ value: HeadSlice) {
    if isPresent { isRepeated = true } else { self.value = value }
    isPresent = true
  }

  /// The value of the only occurrence; throws if there is none, or more than one.
  func required(_ name: String) throws(HTTPFault) -> HeadSlice {
    guard isPresent else { throw HTTPFault(400, "no \(name) header field") }
    guard !isRepeated else { throw HTTPFault(400, "more than one \(name) header field") }
    return value
  }
}

/// The lines of a complete head, in order; ends before the blank line.
struct HeadLines {
  private var rest: HeadSlice

  init(_ head: HeadSlice) { rest = head }

  /// The next line without its CRLF, or nil after the last complete one.
  mutating func next() -> HeadSlice? {
    guard let lineFeed = rest.firstIndex(of: HTTPSyntax.lineFeed) else { return nil }
    // HeadEnd has refused a head with such a line end; this is for the unfinished ones, of which
    // only the lines before it are wanted.
    guard lineFeed > 0, rest[lineFeed - 1] == HTTPSyntax.carriageReturn else { return nil }
    let line = rest.slice(0..<lineFeed - 1)
    rest = rest.slice(lineFeed + 1..<rest.count)
    return line.isEmpty ? nil : line
  }
}
