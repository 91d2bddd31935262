// One TOML value to one checked value, by the type its key is described with.

import RelayCore
import Spelling

/// Reads the value of one described key.
struct ValueDecoder {
  let key: KeyDescription

  /// Nil after at least one error.
  func decode(_ value: TomlValue, _ findings: inout Findings) -> KeyValue? {
    let errorCount = findings.errorCount
    let decoded = check(value, &findings)
    guard let decoded, findings.errorCount == errorCount else { return nil }
    return decoded
  }

  private func check(_ value: TomlValue, _ findings: inout Findings) -> KeyValue? {
    switch (key.type, value.content) {
    case (.boolean, .boolean(let flag)): return .boolean(flag)
    case (.count(let range), .integer(let number)):
      if range.contains(number) { return .integer(number) }
      outOfRange(String(number), value, &findings)
    case (.closeCode, .integer(let number)):
      if Route.isLegalCloseCode(number) { return .integer(number) }
      outOfRange(String(number), value, &findings)
    case (.origins, .array(let elements)), (.subprotocols, .array(let elements)),
      (.networks, .array(let elements)):
      return list(elements, &findings)
    case (.certificates, .table(let table)):
      return certificate(table, &findings).map { .certificates([$0]) }
    case (.certificates, .array(let elements)) where !elements.isEmpty:
      return .certificates(elements.compactMap { certificate($0, &findings) })
    case (_, .string(let text)): return string(text, value, &findings)
    default: wrongType(value, &findings)
    }
    return nil
  }

  private func string(
    _ text: String, _ value: TomlValue, _ findings: inout Findings
  ) -> KeyValue? {
    switch key.type {
    case .duration(let range, let allowsOff):
      guard let duration = DurationText.parse(text) else {
        malformed(
          text, "a number with ms, s, m or h, such as \"250ms\" or \"10s\"", value, &findings)
        return nil
      }
      if range.contains(duration) || (allowsOff && duration == .zero) { return .duration(duration) }
      outOfRange(quoted(text), value, &findings)
    case .size(let range, let allowsZero):
      guard let byteCount = SizeText.parse(text) else {
        malformed(text, "a number with B, KiB, MiB or GiB, such as \"64KiB\"", value, &findings)
        return nil
      }
      if range.contains(byteCount) || (allowsZero && byteCount == 0) { return .size(byteCount) }
      outOfRange(quoted(text), value, &findings)
    case .choice(let words):
      if words.contains(text) { return .text(text) }
      malformed(
        text, key.type.expectation, value, &findings, suggestion: nearest(to: text, among: words))
    case .address:
      return invalidity(text, value, &findings) { () throws(InvalidText) in
        .address(try ListenAddress(parsing: text))
      }
    case .pattern:
      return invalidity(text, value, &findings) { () throws(InvalidText) in
        .pattern(try RoutePattern(configured: text))
      }
    default: wrongType(value, &findings)
    }
    return nil
  }

  private func list(_ elements: [TomlValue], _ findings: inout Findings) -> KeyValue? {
    var texts: [String] = []
    var seen: Set<String> = []
    for element in elements {
      guard case .string(let text) = element.content else {
        wrongType(element, &findings)
        continue
      }
      let isGood = invalidity(text, element, &findings) { () throws(InvalidText) in
        switch key.type {
        case .origins: try OriginText.check(text)
        case .subprotocols: try SubprotocolText.check(text)
        case .networks: _ = try Network(configured: text)
        default: break
        }
        if !seen.insert(text).inserted { throw InvalidText("it is in the list already") }
        return .text(text)
      }
      if isGood != nil { texts.append(text) }
    }
    return .texts(texts)
  }

  private func certificate(
    _ element: TomlValue, _ findings: inout Findings
  ) -> CertificateFiles? {
    if case .table(let table) = element.content { return certificate(table, &findings) }
    wrongType(element, &findings)
    return nil
  }

  private func certificate(_ table: TomlTable, _ findings: inout Findings) -> CertificateFiles? {
    let names = ["certificate", "key"]
    var files: [String: CertificateFiles.FileName] = [:]
    for entry in table.entries {
      if !names.contains(entry.key) {
        unknownKey(entry, "in \(key.name)", among: names, &findings)
      } else if case .string(let text) = entry.value.content {
        files[entry.key] = fileName(text, entry, &findings)
      } else {
        let expected = "expected the path of a file as a string, got \(entry.value.described)"
        findings.error(at: entry.value.position, "\(key.name).\(entry.key): \(expected)")
      }
    }
    let given = Set(table.entries.map(\.key))
    for name in names where !given.contains(name) {
      findings.error(at: table.position, "\(key.name): \"\(name)\" is missing")
    }
    guard let certificate = files["certificate"], let key = files["key"] else { return nil }
    return CertificateFiles(certificate: certificate, key: key)
  }

  private func fileName(
    _ text: String, _ entry: TomlTable.Entry, _ findings: inout Findings
  ) -> CertificateFiles.FileName? {
    do {
      return try CertificateFiles.FileName(configured: text)
    } catch {
      findings.error(
        at: entry.value.position,
        "\(key.name).\(entry.key): bad value \(quoted(shortened(text))): \(error.message)")
      return nil
    }
  }
}

extension ValueDecoder {
  private func wrongType(_ value: TomlValue, _ findings: inout Findings) {
    findings.error(
      at: value.position, "\(key.name): expected \(key.type.expectation), got \(value.described)")
  }

  private func outOfRange(_ text: String, _ value: TomlValue, _ findings: inout Findings) {
    findings.error(
      at: value.position,
      "\(key.name): \(shortened(text)) is out of range; expected \(key.type.bounds ?? "")")
  }

  private func malformed(
    _ text: String, _ expected: String, _ value: TomlValue, _ findings: inout Findings,
    suggestion: String? = nil
  ) {
    let hint = suggestion.map { "; did you mean \"\($0)\"?" } ?? ""
    findings.error(
      at: value.position,
      "\(key.name): expected \(expected), got \(quoted(shortened(text)))\(hint)")
  }

  private func invalidity(
    _ text: String, _ value: TomlValue, _ findings: inout Findings,
    _ read: () throws(InvalidText) -> KeyValue
  ) -> KeyValue? {
    do {
      return try read()
    } catch {
      findings.error(
        at: value.position, "\(key.name): bad value \(quoted(shortened(text))): \(error.message)")
      return nil
    }
  }
}

/// Reports a key that a section does not have, with the nearest one it has.
func unknownKey(
  _ entry: TomlTable.Entry, _ place: String, among known: [String], hint: String? = nil,
  _ findings: inout Findings
) {
  let suggestion = nearest(to: entry.key, among: known).map { "did you mean \"\($0)\"?" } ?? hint
  let tail = suggestion.map { "; \($0)" } ?? ""
  findings.error(
    at: entry.keyPosition, "unknown key \(quoted(shortened(entry.key))) \(place)\(tail)")
}
