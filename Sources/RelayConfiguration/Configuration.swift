// The typed configuration: what a file, the command line and the built-in defaults amount to.

import RelayCore

/// One complete, valid configuration of the daemon.
package struct Configuration: Sendable, Equatable {
  /// Worker threads; 0 = one for each CPU this process may use.
  package var threadCount = 0
  /// Whether threads look for messages for a moment before they sleep.
  package var pollsBusily = false
  /// Connections in all; 0 = what the descriptor limit allows, less a reserve.
  package var maximumConnectionCount = 0
  /// Bytes that may be held for all connections; 0 = a quarter of what the process may have.
  package var maximumBufferMemory = 0
  package var log = Log()
  package var drain = Drain()
  package var listeners: [Listener]
  package var routes: [Route]

  /// Where close events go.
  package struct Log: Sendable, Equatable {
    package enum Target: String, CaseIterable, Sendable { case auto, journal, stderr }
    package enum Format: String, CaseIterable, Sendable { case text, json }
    package enum Level: String, CaseIterable, Sendable { case info, debug }

    package var target = Target.auto
    package var format = Format.text
    package var level = Level.info
    package var includesPeerDetails = true
  }

  /// How a stop treats live connections.
  package struct Drain: Sendable, Equatable {
    package var grace = Duration.seconds(10)
    package var spread = Duration.zero
  }

  /// One `[[listen]]`.
  package struct Listener: Sendable, Equatable {
    package var address: ListenAddress
    package var handshakeTimeout = Duration.seconds(10)
    package var maximumRequestByteCount = 8 << 10
    package var requiresProxyHeader = false
    package var trustedProxies: [Network] = []
    /// For wss://; empty: plain ws://.
    package var certificates: [CertificateFiles] = []

    package init(address: ListenAddress) { self.address = address }
  }

  /// What `wsrelay serve` runs on without a file.
  package static let builtIn = Configuration(
    listeners: [Listener(address: .tcp(host: "127.0.0.1", port: 8080))], routes: Route.builtIn)
}
