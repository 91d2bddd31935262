// Where a listener's certificate and key are. Reading them is for the caller; here is how they are
// named.

/// A certificate and its private key by the names of their files.
package struct CertificateFiles: Sendable, Equatable {
  /// PEM: the certificate first, then those of the authorities.
  package var certificate: FileName
  /// PEM: the private key, not encrypted.
  package var key: FileName

  /// The two files of one certificate.
  package init(certificate: FileName, key: FileName) {
    self.certificate = certificate
    self.key = key
  }

  /// One file.
  package enum FileName: Sendable, Equatable, CustomStringConvertible {
    /// An absolute path.
    case path(String)
    /// What the service manager hands over under this name (`LoadCredential=`, systemd.exec(5)).
    case credential(String)

    private static let credentialPrefix = "credential:"

    /// Reads `/a/path` or `credential:NAME`.
    init(configured text: String) throws(InvalidText) {
      if text.hasPrefix(Self.credentialPrefix) {
        let name = String(text.dropFirst(Self.credentialPrefix.count))
        guard !name.isEmpty, !name.contains("/"), name != ".", name != ".." else {
          throw InvalidText("a credential has the name that LoadCredential= gives it")
        }
        self = .credential(name)
      } else if text.hasPrefix("/"), !text.utf8.contains(0) {
        self = .path(text)
      } else {
        throw InvalidText(
          "expected the absolute path of a PEM file, or \"credential:NAME\" for one that the"
            + " service manager hands over")
      }
    }

    package var description: String {
      switch self {
      case .path(let path): path
      case .credential(let name): Self.credentialPrefix + name
      }
    }
  }
}
