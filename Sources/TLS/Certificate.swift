// A certificate, the chain to its authority, and its private key, as PEM files hold them.

import COpenSSL

/// What a server proves its name with. The objects are OpenSSL's and counted by it; they are not
/// changed once they are read, so every thread may read them.
package final class Certificate {
  let leaf: OpaquePointer
  let key: OpaquePointer
  /// The certificates of the authorities between, without the root.
  let authorities: OpaquePointer

  /// Why a pair of files is not one.
  package enum Invalid: Error, Equatable {
    /// The certificate's file, with what is wrong.
    case certificate(String)
    /// The key's file, with what is wrong.
    case key(String)
  }

  /// Reads both files' contents.
  ///
  /// - Parameters:
  ///   - chain: PEM: the certificate first, then those of the authorities.
  ///   - key: PEM: the private key of the first certificate, not encrypted.
  /// - Throws: What is wrong with which of them.
  package init(chain: [UInt8], key: [UInt8]) throws(Invalid) {
    let certificates = try Self.readCertificates(chain)
    guard let first = certificates.first else {
      throw .certificate("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    }
    leaf = first
    authorities = OPENSSL_sk_new_null()
    for certificate in certificates.dropFirst() {
      OPENSSL_sk_push(authorities, UnsafeRawPointer(certificate))
    }
    switch Self.readKey(key) {
    case .success(let read): self.key = read
    case .failure(let invalid):
      X509_free(leaf)
      Self.free(authorities)
      throw invalid
    }
    if X509_check_private_key(leaf, self.key) != 1 {
      ERR_clear_error()
      throw .key("does not belong to the first certificate of the other file")
    }
  }

  deinit {
    X509_free(leaf)
    EVP_PKEY_free(key)
    Self.free(authorities)
  }

  private static func free(_ certificates: OpaquePointer) {
    OPENSSL_sk_pop_free(certificates) { X509_free(OpaquePointer($0)) }
  }

  private static func withBIO<Result>(_ bytes: [UInt8], _ body: (OpaquePointer) -> Result)
    -> Result
  {
    bytes.withUnsafeBytes { bytes in
      let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
      defer {
        BIO_free(bio)
        ERR_clear_error()
      }
      guard let bio else { fatalError("out of memory") }
      return body(bio)
    }
  }

  private static func readCertificates(_ bytes: [UInt8]) throws(Invalid) -> [OpaquePointer] {
    var certificates: [OpaquePointer] = []
    let isWhole = withBIO(bytes) { bio in
      while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) {
        certificates.append(certificate)
      }
      // The end of a file is reported as one that has no further beginning.
      return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
    }
    if isWhole { return certificates }
    for certificate in certificates { X509_free(certificate) }
    throw .certificate("holds a certificate that cannot be read: number \(certificates.count + 1)")
  }

  private static func readKey(_ bytes: [UInt8]) -> Result<OpaquePointer, Invalid> {
    withBIO(bytes) { bio in
      var wasAsked = false
      // Without a callback OpenSSL would ask for the passphrase on the terminal.
      let key = withUnsafeMutablePointer(to: &wasAsked) { wasAsked in
        PEM_read_bio_PrivateKey(
          bio, nil,
          { _, _, _, wasAsked in
            wasAsked?.assumingMemoryBound(to: Bool.self).pointee = true
            return -1
          }, wasAsked)
      }
      if let key { return .success(key) }
      return .failure(
        .key(
          wasAsked
            ? "is encrypted, and nobody is there to be asked for the passphrase; write it without"
              + " one: openssl pkey -in KEY -out NEWKEY"
            : "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)"))
    }
  }
}

extension Certificate {
  /// Whether it is for a host: exact or by wildcard (RFC 6125).
  func isFor(_ host: UnsafePointer<CChar>) -> Bool { X509_check_host(leaf, host, 0, 0, nil) == 1 }

  /// The DNS names and addresses it is for, or its subject where it names none.
  package var names: [String] {
    var names: [String] = []
    if let extensions = X509_get_ext_d2i(leaf, NID_subject_alt_name, nil, nil) {
      let list = OpaquePointer(extensions)
      for index in 0..<OPENSSL_sk_num(list) {
        guard let value = OPENSSL_sk_value(list, index) else { continue }
        names += Self.text(value.assumingMemoryBound(to: GENERAL_NAME.self))
      }
      OPENSSL_sk_pop_free(list) {
        GENERAL_NAME_free($0?.assumingMemoryBound(to: GENERAL_NAME.self))
      }
    }
    return names.isEmpty ? [subject] : names
  }

  private static func text(_ name: UnsafePointer<GENERAL_NAME>) -> [String] {
    switch name.pointee.type {
    case GEN_DNS:
      guard let text = name.pointee.d.dNSName, let bytes = ASN1_STRING_get0_data(text) else {
        return []
      }
      let count = Int(ASN1_STRING_length(text))
      return [String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)]
    case GEN_IPADD:
      guard let address = name.pointee.d.iPAddress else { return [] }
      let count = Int(ASN1_STRING_length(address))
      guard count == 4, let bytes = ASN1_STRING_get0_data(address) else { return ["an address"] }
      return [(0..<4).map { String(bytes[$0]) }.joined(separator: ".")]
    default: return []
    }
  }

  private var subject: String {
    var text = [CChar](repeating: 0, count: 256)
    X509_NAME_oneline(X509_get_subject_name(leaf), &text, Int32(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The day on which it ceases to be good, as `2027-02-01`.
  package var lastDay: String {
    var time = tm()
    guard ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &time) == 1 else { return "?" }
    func padded(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
    return "\(time.tm_year + 1900)-\(padded(time.tm_mon + 1))-\(padded(time.tm_mday))"
  }

  /// Whole days until it ceases to be good; negative: it has.
  package var remainingDays: Int {
    var (days, seconds): (Int32, Int32) = (0, 0)
    // Without a first time it counts from now.
    guard ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(leaf)) == 1 else { return 0 }
    return seconds < 0 ? Int(days) - 1 : Int(days)
  }

  /// Whether its time has not come yet.
  package var isNotYetValid: Bool { X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0 }
}
