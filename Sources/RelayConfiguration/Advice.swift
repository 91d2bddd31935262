// What is legal but seldom meant. A route that no path reaches is not looked for: precedence leaves
// every pattern some path of its own, except where two match the same paths, and that is an error.

import RelayCore

/// Gives advice on a complete configuration.
struct Advice {
  let configuration: Configuration
  let origins: Origins
  /// Connections the descriptor limit of the process allows, where it is known.
  let descriptorLimit: Int?
  let source: SourceText

  /// Common proxies cut a connection that is quiet for 60 seconds.
  static let longestQuietTime = Duration.seconds(55)

  /// All advice, in the order of the file.
  var diagnostics: [Diagnostic] {
    var findings = Findings(source: source)
    adviseOnDescriptors(&findings)
    for index in configuration.routes.indices { adviseOnSilence(of: index, &findings) }
    adviseOnOrigins(&findings)
    return findings.sorted
  }

  private func adviseOnDescriptors(_ findings: inout Findings) {
    guard let descriptorLimit, configuration.maximumConnectionCount > descriptorLimit else {
      return
    }
    findings.add(
      .advice, at: origins[KeyPlace(.top, "max_connections")].position,
      "max_connections (\(configuration.maximumConnectionCount)) is above the limit on open files"
        + " (\(descriptorLimit)); raise LimitNOFILE= in the unit")
  }

  private func adviseOnSilence(of index: Int, _ findings: inout Findings) {
    let route = configuration.routes[index]
    let isLong = [route.pingInterval, route.idleTimeout].allSatisfy {
      $0 == .zero || $0 > Self.longestQuietTime
    }
    guard isLong else { return }
    let position =
      ["ping_interval", "idle_timeout", "path"].lazy
      .compactMap { origins[KeyPlace(.route, index, $0)].position }.first
    findings.add(
      .advice, at: position,
      "nothing may be sent for longer than 55s: proxies on the way commonly cut a connection that"
        + " is quiet for 60s; set ping_interval to \"25s\"")
  }

  private func adviseOnOrigins(_ findings: inout Findings) {
    let open = configuration.routes.filter(\.origins.isEmpty).map { quoted($0.pattern.description) }
    if open.isEmpty { return }
    let examples = open.count > 3 ? open.prefix(2) + ["\(open.count - 2) more"] : open
    for (index, listener) in configuration.listeners.enumerated() where !listener.address.isLocal {
      let origin = origins[KeyPlace(.listen, index, "address")]
      let address = quoted(listener.address.description)
      let message =
        "\(address) can be reached from other machines, and any web site may connect: no origins"
        + " on \(examples.joinedAsList())"
      if case .flag(let flag) = origin {
        findings.append(Diagnostic(file: flag, severity: .advice, message: message))
      } else {
        findings.add(.advice, at: origin.position, message)
      }
    }
  }
}
