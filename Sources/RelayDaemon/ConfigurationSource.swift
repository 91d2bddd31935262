// Where the configuration of this process comes from: the file, the environment, the flags.

import Glibc
import RelayConfiguration

/// What names a configuration; asked anew at every reload.
package struct ConfigurationSource: Sendable {
  package var location: ConfigurationLocation
  /// `--listen`, each time it was given.
  package var listen: [String]
  /// `--log-level`.
  package var logLevel: String?

  package init(file: String?, listen: [String], logLevel: String?) {
    let environment = getenv("WSRELAY_CONFIG").map { ["WSRELAY_CONFIG": String(cString: $0)] }
    location = ConfigurationLocation(flag: file, environment: environment ?? [:])
    self.listen = listen
    self.logLevel = logLevel
  }

  /// Reads and checks everything. Without the standard file, the built-in defaults hold.
  package func load(descriptorLimit: Int) throws(ConfigurationErrors) -> LoadedConfiguration {
    let available = DescriptorLimit.connectionCount(of: descriptorLimit)
    let loaded: LoadedConfiguration
    if let bytes = try readFile() {
      loaded = try ConfigurationFile.load(
        bytes: bytes, file: location.path, descriptorLimit: available)
    } else {
      loaded = .builtIn(descriptorLimit: available)
    }
    return try loaded.applying(listen: listen, logLevel: logLevel)
  }

  /// Whether the built-in defaults hold, for want of a file.
  package var isBuiltIn: Bool { !location.mustExist && access(location.path, F_OK) != 0 }

  /// The bytes of the file; nil: there is none and none is needed.
  private func readFile() throws(ConfigurationErrors) -> [UInt8]? {
    do throws(FileContents.Failure) {
      return try FileContents.read(
        location.path, maximumByteCount: ConfigurationFile.maximumByteCount)
    } catch {
      if error.errno == ENOENT && !location.mustExist { return nil }
      throw .unreadable(file: location.path, reason: error.reason)
    }
  }
}
