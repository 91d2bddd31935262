// The certificates a configuration names, read and checked: what `wsrelay check` finds wrong with
// them, a start and a reload find wrong, too.

import Glibc
import RelayConfiguration
import RelayCore
import TLS

/// The TLS of all listeners of a configuration.
package struct ServerCertificates: Sendable {
  /// Of those that have certificates.
  private(set) var contexts: [ListenAddress: TLSSettings] = [:]
  /// Worth telling an operator: what is good for now, and not for long.
  package private(set) var advice: [Diagnostic] = []
  /// One line for each certificate: where it is shown, for whom, until when.
  private(set) var summaries: [String] = []

  /// Who asks, which decides what cannot be found out.
  package enum Purpose: Sendable {
    case serving
    /// Credentials are only there inside the service: those that are not are advice.
    case checking
  }

  /// Reads the files of all listeners.
  ///
  /// - Throws: Every problem with them, at the place that names them.
  package init(
    _ loaded: LoadedConfiguration, for purpose: Purpose
  ) throws(ConfigurationErrors) {
    var errors: [Diagnostic] = []
    for (index, listener) in loaded.configuration.listeners.enumerated() {
      if listener.certificates.isEmpty { continue }
      let reader = CertificateReader(
        loaded: loaded, place: KeyPlace(.listen, index, "tls"), purpose: purpose)
      read(listener, with: reader, &errors)
    }
    if !errors.isEmpty { throw ConfigurationErrors(errors) }
  }

  private mutating func read(
    _ listener: Configuration.Listener, with reader: CertificateReader,
    _ errors: inout [Diagnostic]
  ) {
    var certificates: [Certificate] = []
    for files in listener.certificates {
      do throws(CertificateReader.Problem) {
        let certificate = try reader.read(files)
        certificates.append(certificate)
        advice += reader.advice(on: certificate, files)
        summaries.append(
          "certificate on \(listener.address): \(certificate.names.joined(separator: ", ")),"
            + " until \(certificate.lastDay)")
      } catch {
        if error.isUnchecked { advice.append(error.found) } else { errors.append(error.found) }
      }
    }
    guard certificates.count == listener.certificates.count else { return }
    do throws(TLSFailure) {
      contexts[listener.address] = try TLSSettings(serving: certificates)
    } catch {
      errors.append(reader.found(.error, "OpenSSL refuses the certificate: \(error.text)"))
    }
  }
}
