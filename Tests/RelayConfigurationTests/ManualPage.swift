// The entries of docs/man/wsrelay.conf.5, from the descriptions of the keys. The prose around them
// is written by hand.

import RelayCore

@testable import RelayConfiguration

/// The generated parts of the manual page, each between two comment lines.
enum ManualPage {
  static let path = "docs/man/wsrelay.conf.5"
  static let sections: [Section] = [.top, .log, .drain, .listen, .route]

  /// The page with its generated parts brought up to date.
  static func updated(_ page: String) -> String {
    var page = page
    for section in sections {
      let name = section == .top ? "top" : section.rawValue
      let (begin, end) = (".\\\" keys: \(name)\n", ".\\\" end: \(name)\n")
      guard let start = page.firstRange(of: begin), let stop = page.firstRange(of: end) else {
        continue
      }
      page.replaceSubrange(start.upperBound..<stop.lowerBound, with: list(of: section))
    }
    return page
  }

  static func list(of section: Section) -> String {
    let entries = Keys.descriptions(of: section).map(entry)
    return ".Bl -tag -width Ds\n" + entries.joined() + ".El\n"
  }

  private static func entry(_ key: KeyDescription) -> String {
    var type = key.type.word
    if let bounds = key.type.bounds { type += ", \(bounds)" }
    let standard = key.isRequired ? "none, required" : key.standard?.toml ?? "not set"
    let sentences = key.details.replacing(". ", with: ".\n")
    return """
      .It Ic \(key.name)
      \(escaped(key.meaning)).
      \(escaped(sentences))
      .Pp
      Type: \(escaped(type)).
      Default: \(escaped(standard)).
      Reload: \(escaped(key.reload.rawValue)).

      """
  }

  /// A line must not look like a request, nor text like an escape sequence.
  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\e").split(separator: "\n")
      .map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : String($0) }
      .joined(separator: "\n")
  }
}

extension ValueType {
  fileprivate var word: String {
    switch self {
    case .boolean: "boolean"
    case .count: "integer"
    case .duration: "duration"
    case .size: "size"
    case .choice(let words): words.map { "\"\($0)\"" }.joinedAsAlternatives()
    case .closeCode: "close code"
    case .address: "address"
    case .pattern: "path pattern"
    case .origins: "list of origins"
    case .subprotocols: "list of subprotocols"
    case .networks: "list of networks"
    case .certificates: "table of certificate and key, or list of such tables"
    }
  }
}
