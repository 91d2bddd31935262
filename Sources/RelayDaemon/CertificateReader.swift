// One certificate and its key from their files, and what is wrong with them, told where the
// configuration names them.

import Glibc
import RelayConfiguration
import TLS

/// Reads the files that one `tls` key names.
struct CertificateReader {
  let loaded: LoadedConfiguration
  let place: KeyPlace
  let purpose: ServerCertificates.Purpose

  /// Why there is no certificate.
  struct Problem: Error {
    let found: Diagnostic
    /// It may be good: there was no way to find out.
    var isUnchecked = false
  }

  private static let maximumFileByteCount = 1 << 20
  /// Days: authorities whose certificates renew themselves do so earlier.
  private static let soonDayCount = 14

  /// Something to tell about the key's value.
  func found(_ severity: Diagnostic.Severity, _ message: String) -> Diagnostic {
    loaded.diagnostic(severity, at: place, "tls: \(message)")
  }

  private func error(_ message: String) -> Problem { Problem(found: found(.error, message)) }

  /// Reads a pair of files.
  func read(_ files: CertificateFiles) throws(Problem) -> Certificate {
    let chain = try contents(files.certificate)
    let key = try contents(files.key)
    do throws(Certificate.Invalid) {
      return try Certificate(chain: chain, key: key)
    } catch {
      switch error {
      case .certificate(let what): throw self.error("\(files.certificate) \(what)")
      case .key(let what): throw self.error("\(files.key) \(what)")
      }
    }
  }

  private func contents(_ file: CertificateFiles.FileName) throws(Problem) -> [UInt8] {
    let path = try path(of: file)
    let bytes: [UInt8]
    do throws(FileContents.Failure) {
      bytes = try FileContents.read(path, maximumByteCount: Self.maximumFileByteCount)
    } catch {
      // systemd 252 lets ExecReload= know where credentials are, and not read them.
      if case .credential = file, purpose == .checking, error.errno == EACCES {
        throw unchecked(file)
      }
      throw self.error("\(file) cannot be read: \(error.reason)\(Self.remedy(file, error))")
    }
    if bytes.count > Self.maximumFileByteCount {
      throw error("\(file) is larger than 1MiB: is it the right file?")
    }
    return bytes
  }

  private func path(of file: CertificateFiles.FileName) throws(Problem) -> String {
    switch file {
    case .path(let path): return path
    case .credential(let name):
      if let directory = getenv("CREDENTIALS_DIRECTORY") {
        return "\(String(cString: directory))/\(name)"
      }
      if purpose == .checking { throw unchecked(file) }
      throw error(
        "\(file): the service manager handed no credentials over; add LoadCredential=\(name):FILE"
          + " to the unit")
    }
  }

  private func unchecked(_ file: CertificateFiles.FileName) -> Problem {
    Problem(
      found: found(
        .advice,
        "\(file) was not checked: only the service itself can read credentials, and does so when it"
          + " starts or reloads"),
      isUnchecked: true)
  }

  private static func remedy(
    _ file: CertificateFiles.FileName, _ failure: FileContents.Failure
  ) -> String {
    switch (file, failure.errno) {
    case (.path, EACCES):
      "; the service has a user of its own: hand the file over with LoadCredential=, or let a"
        + " group read it (TLS in wsrelay.conf(5))"
    case (.credential(let name), ENOENT): "; add LoadCredential=\(name):FILE to the unit"
    default: ""
    }
  }

  /// What is legal about a certificate and does not bode well.
  func advice(on certificate: Certificate, _ files: CertificateFiles) -> [Diagnostic] {
    var advice: [Diagnostic] = []
    let days = certificate.remainingDays
    if days < 0 {
      advice.append(
        found(.advice, "\(files.certificate) expired after \(certificate.lastDay): renew it"))
    } else if days < Self.soonDayCount {
      advice.append(
        found(.advice, "\(files.certificate) expires after \(certificate.lastDay): renew it"))
    } else if certificate.isNotYetValid {
      advice.append(
        found(.advice, "\(files.certificate) is not valid yet: is this machine's clock right?"))
    }
    var status = stat()
    if case .path(let path) = files.key, stat(path, &status) == 0, status.st_mode & S_IROTH != 0 {
      advice.append(found(.advice, "\(path) can be read by everyone on this machine: chmod o= it"))
    }
    return advice
  }
}
