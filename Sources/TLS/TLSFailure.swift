// What went wrong in TLS, in words an operator can act on.

import COpenSSL

/// Why a TLS handshake or record failed.
package struct TLSFailure: Error, Equatable, Sendable {
  /// For a record, such as `no cipher in common` or `alert from the peer: unknown CA`.
  package var text: String
  /// The peer gave up and said so; otherwise it is this side that did.
  package var isPeers: Bool
  /// What came was a request of plain HTTP.
  package var isPlainHTTP = false

  /// A failure that OpenSSL knows nothing of.
  package init(_ text: String, isPeers: Bool) {
    self.text = text
    self.isPeers = isPeers
  }

  /// Takes the first of this thread's errors, which is the reason of the others, and forgets them
  /// all.
  init(takingErrorsOfThread fallback: String) {
    let code = ERR_get_error()
    ERR_clear_error()
    let reason = ERR_GET_REASON(code)
    if reason >= SSL_AD_REASON_OFFSET {
      let alert = SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET).map(
        String.init(cString:))
      self.init("alert from the peer: \(alert ?? "unknown")", isPeers: true)
      return
    }
    let words = ERR_reason_error_string(code).map(String.init(cString:)) ?? fallback
    self.init(Self.explanations[reason] ?? words, isPeers: false)
    isPlainHTTP = reason == SSL_R_HTTP_REQUEST
  }

  /// What OpenSSL says in a way only its authors understand.
  private static let explanations: [Int32: String] = [
    SSL_R_HTTP_REQUEST: "a plain HTTP request where TLS was expected",
    SSL_R_HTTPS_PROXY_REQUEST: "a plain HTTP proxy request where TLS was expected",
    SSL_R_WRONG_VERSION_NUMBER: "what the peer sent is not TLS",
    SSL_R_UNSUPPORTED_PROTOCOL: "the peer offers no version from TLS 1.2 on",
    SSL_R_NO_SHARED_CIPHER: "no cipher in common",
    SSL_R_NO_APPLICATION_PROTOCOL: "the peer asks for another protocol than http/1.1 (ALPN)",
  ]
}
