// From the text of a file to a configuration: the entry point of this module. Pure: reading files,
// the environment and the limits of the process is for the caller.

import RelayCore

/// Which file to read, and who said so.
package struct ConfigurationLocation: Sendable, Equatable {
  /// Who named the file.
  package enum Naming: String, Sendable {
    case flag = "--config"
    case environment = "WSRELAY_CONFIG"
    case standard = "default"
  }

  /// As it was given.
  package var path: String
  /// Who gave it.
  package var naming: Naming

  /// A file that was named must exist; without the standard one the built-in defaults hold.
  package var mustExist: Bool { naming != .standard }

  /// The file of a flag, else of the environment, else `/etc/wsrelay.conf`.
  package init(flag: String?, environment: [String: String]) {
    if let flag {
      (path, naming) = (flag, .flag)
    } else if let named = environment[Naming.environment.rawValue], !named.isEmpty {
      (path, naming) = (named, .environment)
    } else {
      (path, naming) = ("/etc/wsrelay.conf", .standard)
    }
  }
}

/// A configuration that may be run, and what there is to know about how it came about.
package struct LoadedConfiguration: Sendable {
  /// Complete and without contradictions.
  package internal(set) var configuration: Configuration
  /// Worth telling an operator; in the order of the file.
  package internal(set) var advice: [Diagnostic]
  /// Who set each value.
  package internal(set) var origins: Origins
  let descriptorLimit: Int?
  let source: SourceText

  init(
    _ configuration: Configuration, origins: Origins, descriptorLimit: Int?, source: SourceText
  ) {
    self.configuration = configuration
    self.origins = origins
    self.descriptorLimit = descriptorLimit
    self.source = source
    advice =
      Advice(
        configuration: configuration, origins: origins, descriptorLimit: descriptorLimit,
        source: source
      ).diagnostics
  }

  /// A problem with a value that only its user can find, such as a file that the value names.
  package func diagnostic(
    _ severity: Diagnostic.Severity, at place: KeyPlace, _ message: String
  ) -> Diagnostic {
    let position = origins[place].position
    return Diagnostic(
      file: source.file, position: position, severity: severity, message: message,
      sourceLine: position.flatMap { source.line($0.line) })
  }

  /// What holds without any file.
  package static func builtIn(descriptorLimit: Int? = nil) -> LoadedConfiguration {
    LoadedConfiguration(
      .builtIn, origins: Origins(), descriptorLimit: descriptorLimit,
      source: SourceText(file: "built-in defaults", bytes: []))
  }
}

/// Reading configuration files.
package enum ConfigurationFile {
  /// Larger files are refused unread.
  package static let maximumByteCount = 1 << 20

  /// Reads the text of a file, which is shown as `file` in diagnostics.
  ///
  /// - Parameters:
  ///   - bytes: The whole file; it need not be UTF-8, or TOML.
  ///   - file: The name of the file as the operator gave it.
  ///   - descriptorLimit: Connections the process has descriptors for, nil if unknown.
  /// - Returns: The configuration, with every absent key and section at its default.
  /// - Throws: Every problem of the file, and the advice there was by then, in its order.
  package static func load(
    bytes: [UInt8], file: String, descriptorLimit: Int? = nil
  ) throws(ConfigurationErrors) -> LoadedConfiguration {
    guard bytes.count <= maximumByteCount else {
      let limit = SizeText.format(maximumByteCount)
      throw ConfigurationErrors([Diagnostic(file: file, message: "is larger than \(limit)")])
    }
    let source = SourceText(file: file, bytes: bytes)
    var decoder = ConfigurationDecoder(source: source)
    decoder.decode(try parse(source))
    decoder.checkContradictions()
    guard decoder.findings.errorCount == 0 else {
      throw ConfigurationErrors(decoder.findings.sorted)
    }
    return LoadedConfiguration(
      decoder.configuration, origins: decoder.origins, descriptorLimit: descriptorLimit,
      source: source)
  }

  private static func parse(_ source: SourceText) throws(ConfigurationErrors) -> TomlTable {
    var findings = Findings(source: source)
    if let position = source.firstInvalidPosition {
      findings.error(at: position, "this is not UTF-8")
      throw ConfigurationErrors(findings.diagnostics)
    }
    do {
      return try TomlTable(parsing: source.bytes)
    } catch {
      let prefix = "Error while "
      let message =
        error.message.hasPrefix(prefix)
        ? "syntax error while \(error.message.dropFirst(prefix.count))"
        : "syntax error: \(error.message)"
      // What toml++ says of text without quotes, or with typographic ones.
      let hint =
        error.message.contains("could not determine value type")
        ? "; text stands in straight quotes" : ""
      findings.error(at: error.position.map(source.clamped), message + hint)
      throw ConfigurationErrors(findings.diagnostics)
    }
  }
}
