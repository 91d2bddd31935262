// What is known about a key of the file. The decoder, the suggestions, the printed configuration,
// the shipped file and the manual page all come from descriptions like these.

import RelayCore

/// A part of the file that has keys of its own.
package enum Section: String, CaseIterable, Sendable {
  case top = "", log, drain, listen, defaults, route

  /// The section as the file writes it.
  package var heading: String {
    switch self {
    case .top: "the top level"
    case .log, .drain, .defaults: "[\(rawValue)]"
    case .listen, .route: "[[\(rawValue)]]"
    }
  }

  /// Whether the section may stand in the file more than once.
  var repeats: Bool { self == .listen || self == .route }
}

/// What a key takes.
package enum ValueType: Sendable, Equatable {
  case boolean
  case count(ClosedRange<Int>)
  /// With `allowsOff`, "0s" is taken as well.
  case duration(ClosedRange<Duration>, allowsOff: Bool)
  /// In bytes. With `allowsZero`, "0B" is taken as well.
  case size(ClosedRange<Int>, allowsZero: Bool)
  case choice([String])
  case closeCode, address, pattern, origins, subprotocols, networks, certificates
}

/// What reloading the file does with a changed value.
package enum ReloadEffect: String, CaseIterable, Sendable {
  case atOnce = "applies to live connections at once"
  case newConnections = "applies to connections accepted from then on"
  case newRequests = "applies to opening handshakes from then on"
  case logging = "applies from the next entry on"
  case nextStop = "applies to the next stop"
  case listeners = "adds and removes listeners; live connections stay"
  case routes = "adds and removes routes; a removed route closes its connections with 1001"
  case restart = "needs a restart; a reload that changes it says so"
}

/// One key: everything there is to say about it.
package struct KeyDescription: Sendable {
  /// As it stands in the file.
  package var name: String
  /// Where it stands in the file.
  package var section: Section
  /// What it takes, with its bounds.
  package var type: ValueType
  /// Nil for a key that must be given, and for one whose absence means something of its own.
  package var standard: KeyValue?
  /// Whether a section without it is refused.
  package var isRequired: Bool
  /// In one line, for the shipped file.
  package var meaning: String
  /// What else an operator needs to know, for the manual page.
  package var details: String
  /// What becomes of a change.
  package var reload: ReloadEffect
}

/// A value that has been read and checked, whatever its key.
package enum KeyValue: Equatable, Sendable {
  case boolean(Bool)
  case integer(Int)
  case duration(Duration)
  case size(Int)
  case text(String)
  case texts([String])
  case address(ListenAddress)
  case pattern(RoutePattern)
  case certificates([CertificateFiles])

  /// The value as TOML.
  package var toml: String {
    switch self {
    case .boolean(let value): String(value)
    case .integer(let number): String(number)
    case .duration(let duration): quoted(DurationText.format(duration))
    case .size(let byteCount): quoted(SizeText.format(byteCount))
    case .text(let text): quoted(text)
    case .texts(let texts): "[" + texts.map(quoted).joined(separator: ", ") + "]"
    case .address(let address): quoted(address.description)
    case .pattern(let pattern): quoted(pattern.description)
    case .certificates(let all):
      all.count == 1 ? Self.toml(all[0]) : "[" + all.map(Self.toml).joined(separator: ", ") + "]"
    }
  }

  private static func toml(_ files: CertificateFiles) -> String {
    "{ certificate = \(quoted(files.certificate.description)),"
      + " key = \(quoted(files.key.description)) }"
  }
}

extension ValueType {
  /// What is expected, with an article and an example.
  package var expectation: String {
    switch self {
    case .boolean: "true or false"
    case .count: "an integer"
    case .duration: "a duration such as \"10s\""
    case .size: "a size such as \"64KiB\""
    case .choice(let words): words.map { "\"\($0)\"" }.joinedAsAlternatives()
    case .closeCode: "a close code such as 1001"
    case .address: "an address such as \"127.0.0.1:8080\""
    case .pattern: "a path such as \"/room/{name}\""
    case .origins: "a list of origins such as [\"https://example.org\"]"
    case .subprotocols: "a list of subprotocols such as [\"graphql-ws\"]"
    case .networks: "a list of networks such as [\"10.0.0.0/8\"]"
    case .certificates: "a table such as { certificate = \"/path.pem\", key = \"/path.pem\" }"
    }
  }

  /// The bounds as text, where there are any.
  package var bounds: String? {
    switch self {
    case .count(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .duration(let range, let allowsOff):
      (allowsOff ? "\"0s\", or " : "")
        + "\"\(DurationText.format(range.lowerBound))\" to "
        + "\"\(DurationText.format(range.upperBound))\""
    case .size(let range, let allowsZero):
      (allowsZero ? "\"0B\", or " : "")
        + "\"\(SizeText.format(range.lowerBound))\" to \"\(SizeText.format(range.upperBound))\""
    case .closeCode: "1000 to 1003, 1007 to 1014, or 3000 to 4999"
    default: nil
    }
  }
}

extension [String] {
  /// "a, b or c".
  func joinedAsAlternatives() -> String { joinedAsList(with: "or") }

  /// "a, b and c".
  func joinedAsList(with word: String = "and") -> String {
    guard let last, count > 1 else { return first ?? "" }
    return dropLast().joined(separator: ", ") + " \(word) " + last
  }
}
