// How this side speaks TLS: versions, ciphers, and the certificates it has. One for each listener
// that has certificates; a reload makes another, and connections keep theirs.

import COpenSSL

/// The settings of one side of TLS, shared by its connections.
package final class TLSSettings: @unchecked Sendable {
  let context: OpaquePointer
  /// In the order of the configuration; the first is for clients that name no host, or another.
  private let certificates: [Certificate]

  /// With TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
  package static let ciphersOfTLS12 = "ECDHE+AESGCM:ECDHE+CHACHA20"
  private static let groups = "X25519:P-256:P-384"
  /// The protocol a WebSocket handshake is made in (RFC 7301, RFC 6455 §4).
  private static let applicationProtocol: [UInt8] = [8] + Array("http/1.1".utf8)

  /// The side that has certificates, one or more.
  ///
  /// - Throws: `TLSFailure` where OpenSSL, as this system has set it up, refuses a certificate.
  package init(serving certificates: [Certificate]) throws(TLSFailure) {
    context = try Self.make(TLS_server_method())
    self.certificates = certificates
    openssl_set_server_options(context)
    // Sessions are resumed by tickets: nothing is kept here.
    openssl_disable_session_cache(context)
    SSL_CTX_set_alpn_select_cb(
      context,
      { _, chosen, chosenCount, offered, offeredCount, _ in
        TLSSettings.choose(chosen, chosenCount, among: offered, offeredCount)
      }, nil)
    if let first = certificates.first {
      try use(first)
      if certificates.count > 1 {
        SSL_CTX_set_cert_cb(
          context,
          { connection, context in
            guard let connection, let context else { return 0 }
            return Unmanaged<TLSSettings>.fromOpaque(context).takeUnretainedValue()
              .chooseCertificates(for: connection)
          }, Unmanaged.passUnretained(self).toOpaque())
      }
    }
  }

  /// The side that connects.
  ///
  /// - Parameters:
  ///   - authorities: A file of certificates in PEM form to trust in place of the system's.
  ///   - verifies: Whether a server must prove its name.
  /// - Throws: `TLSFailure` where the file cannot be used.
  package init(connectingTrusting authorities: String?, verifies: Bool) throws(TLSFailure) {
    context = try Self.make(TLS_client_method())
    certificates = []
    SSL_CTX_set_verify(context, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
    let isTrusted =
      authorities.map { SSL_CTX_load_verify_locations(context, $0, nil) }
      ?? SSL_CTX_set_default_verify_paths(context)
    if isTrusted != 1 { throw TLSFailure(takingErrorsOfThread: "no authorities to trust") }
    SSL_CTX_set_alpn_protos(
      context, Self.applicationProtocol, UInt32(Self.applicationProtocol.count))
  }

  deinit { SSL_CTX_free(context) }

  private static func make(_ method: OpaquePointer?) throws(TLSFailure) -> OpaquePointer {
    guard let context = SSL_CTX_new(method) else {
      throw TLSFailure(takingErrorsOfThread: "out of memory")
    }
    // Records' buffers are freed whenever they are empty: most connections are idle.
    openssl_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS))
    guard openssl_set_minimum_version(context, TLS1_2_VERSION) == 1,
      SSL_CTX_set_cipher_list(context, ciphersOfTLS12) == 1,
      openssl_set_groups(context, groups) == 1
    else {
      SSL_CTX_free(context)
      throw TLSFailure(takingErrorsOfThread: "its settings were refused")
    }
    return context
  }

  private func use(_ certificate: Certificate) throws(TLSFailure) {
    guard SSL_CTX_use_certificate(context, certificate.leaf) == 1,
      SSL_CTX_use_PrivateKey(context, certificate.key) == 1,
      openssl_use_chain(context, certificate.authorities) == 1
    else { throw TLSFailure(takingErrorsOfThread: "it was refused") }
  }

  /// Offers the certificates for the host that the client named (RFC 6066 §3), in one kind of key
  /// or several; the first of a kind counts. For any other host the first of all stays.
  private func chooseCertificates(for connection: OpaquePointer) -> Int32 {
    guard let host = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name) else { return 1 }
    let fitting = certificates.filter { $0.isFor(host) }
    if fitting.isEmpty { return 1 }
    SSL_certs_clear(connection)
    for certificate in fitting.reversed() {
      let isTaken = SSL_use_cert_and_key(
        connection, certificate.leaf, certificate.key, certificate.authorities, 1)
      if isTaken != 1 { return 0 }
    }
    return 1
  }

  private static func choose(
    _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?, among offered: UnsafePointer<UInt8>?,
    _ offeredCount: UInt32
  ) -> Int32 {
    guard let chosen, let chosenCount, let offered else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    var start = 0
    let end = Int(offeredCount)
    while start < end {
      let count = 1 + Int(offered[start])
      guard start + count <= end else { break }
      if UnsafeBufferPointer(start: offered + start, count: count)
        .elementsEqual(applicationProtocol)
      {
        // A place within what the client sent, which outlives the answer to it.
        chosen.pointee = offered + start + 1
        chosenCount.pointee = UInt8(count - 1)
        return SSL_TLSEXT_ERR_OK
      }
      start += count
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
}
