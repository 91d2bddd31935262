// Command-line flags over a file: what they replace, and what can be wrong with them.

import RelayCore
import Spelling

extension LoadedConfiguration {
  /// Applies `--listen` and `--log-level`, which win over the file.
  ///
  /// - Parameters:
  ///   - listen: Addresses that replace all listeners, unless there are none; an address that the
  ///     file has too keeps its settings.
  ///   - logLevel: A value of `log.level`.
  /// - Returns: The configuration to run, with its advice brought up to date.
  /// - Throws: Every problem with the flags, each under the name of its flag.
  package func applying(
    listen: [String], logLevel: String?
  ) throws(ConfigurationErrors) -> LoadedConfiguration {
    var configuration = configuration
    var origins = origins
    var problems: [Diagnostic] = []
    if let logLevel {
      if let level = Configuration.Log.Level(rawValue: logLevel) {
        configuration.log.level = level
        origins[KeyPlace(.log, "level")] = .flag("--log-level")
      } else {
        problems.append(Self.unknownLevel(logLevel))
      }
    }
    if !listen.isEmpty {
      let addresses = Self.addresses(listen, &problems)
      (configuration.listeners, origins) = listeners(at: addresses, origins)
    }
    guard problems.isEmpty else { throw ConfigurationErrors(problems) }
    return LoadedConfiguration(
      configuration, origins: origins, descriptorLimit: descriptorLimit, source: source)
  }

  private static func unknownLevel(_ text: String) -> Diagnostic {
    let words = Configuration.Log.Level.allCases.map(\.rawValue)
    let expected = ValueType.choice(words).expectation
    let hint = nearest(to: text, among: words).map { "; did you mean \"\($0)\"?" } ?? ""
    return Diagnostic(
      file: "--log-level", message: "expected \(expected), got \(quoted(shortened(text)))\(hint)")
  }

  private static func addresses(
    _ texts: [String], _ problems: inout [Diagnostic]
  ) -> [ListenAddress] {
    var addresses: [ListenAddress] = []
    for text in texts {
      do throws(InvalidText) {
        let address = try ListenAddress(parsing: text)
        if addresses.contains(address), !address.hasAnyPort {
          throw InvalidText("this address is given twice")
        }
        addresses.append(address)
      } catch {
        let message = "bad value \(quoted(shortened(text))): \(error.message)"
        problems.append(Diagnostic(file: "--listen", message: message))
      }
    }
    return addresses
  }

  private func listeners(
    at addresses: [ListenAddress], _ origins: Origins
  ) -> ([Configuration.Listener], Origins) {
    var updated = origins
    updated.removeAll(in: .listen)
    var listeners: [Configuration.Listener] = []
    for (index, address) in addresses.enumerated() {
      let known = configuration.listeners.firstIndex { $0.address == address }
      listeners.append(
        known.map { configuration.listeners[$0] } ?? Configuration.Listener(address: address))
      for key in Keys.descriptions(of: .listen).map(\.name) {
        guard let known else { break }
        updated[KeyPlace(.listen, index, key)] = origins[KeyPlace(.listen, known, key)]
      }
      updated[KeyPlace(.listen, index, "address")] = .flag("--listen")
    }
    return (listeners, updated)
  }
}

extension ListenAddress {
  /// Whether the system chooses the port, a different one each time.
  var hasAnyPort: Bool {
    if case .tcp(_, port: 0) = self { true } else { false }
  }
}
