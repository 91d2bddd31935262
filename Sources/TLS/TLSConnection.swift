// One connection's TLS as a value: encrypted bytes in, plain bytes out, and the other way round. No
// sockets: what came is in the thread's `RecordBuffers`, and so is what is to be sent.

import COpenSSL

/// The TLS of one connection.
package struct TLSConnection {
  private let connection: OpaquePointer
  private let context: TLSSettings
  private let buffers: UnsafeMutablePointer<RecordBuffers>
  /// Found behind bytes that were given out first.
  private var end: Decrypted?

  /// Plain bytes in one record, at most (RFC 8446 §5.1).
  package static let maximumRecordByteCount = 16 << 10

  /// What `decrypt` came to.
  package enum Decrypted: Equatable {
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing more until more is received.
    case needsMore
    /// The peer sends nothing more and said so (close_notify).
    case ended
    /// TLS is over; what is to be sent holds the alert for the peer, if there is one.
    case failed(TLSFailure)
  }

  /// The side that waits for a handshake; nil: out of memory.
  package init?(accepting context: TLSSettings, _ buffers: UnsafeMutablePointer<RecordBuffers>) {
    self.init(context, buffers)
    SSL_set_accept_state(connection)
  }

  /// The side that begins one with a server of that name: the first records to send are there at
  /// once. nil: out of memory.
  package init?(
    connecting context: TLSSettings, to host: String,
    _ buffers: UnsafeMutablePointer<RecordBuffers>
  ) {
    self.init(context, buffers)
    // RFC 6066 §3: an address is no name to ask for.
    let isAddress = host.contains(":") || host.utf8.allSatisfy { $0 < 0x3A }
    if !isAddress { openssl_ask_for_host(connection, host) }
    SSL_set1_host(connection, host)
    SSL_set_connect_state(connection)
    buffers.pointee.received = UnsafeRawBufferPointer(start: nil, count: 0)
    _ = SSL_do_handshake(connection)
    ERR_clear_error()
  }

  private init?(_ context: TLSSettings, _ buffers: UnsafeMutablePointer<RecordBuffers>) {
    guard let connection = SSL_new(context.context), let bio = RecordBuffers.makeBIO(buffers) else {
      ERR_clear_error()
      return nil
    }
    self.connection = connection
    self.context = context
    self.buffers = buffers
    // The connection's from now on, for both directions.
    SSL_set_bio(connection, bio, bio)
  }

  /// Whether the handshake is done.
  package var isEstablished: Bool { SSL_in_init(connection) == 0 }

  /// Whether `decrypt` has more to give without anything being received.
  package var hasMore: Bool {
    SSL_pending(connection) > 0 || !buffers.pointee.received.isEmpty
  }

  /// Gives bytes to decrypt; `decrypt` must follow until it asks for more.
  package func receive(_ bytes: UnsafeRawBufferPointer) { buffers.pointee.received = bytes }

  /// Decrypts as much of what was received as there is room for, and goes on with the handshake
  /// while there is one.
  package mutating func decrypt(into space: UnsafeMutableRawBufferPointer) -> Decrypted {
    if let end { return end }
    var count = 0
    while count < space.count {
      var taken = 0
      let result = SSL_read_ex(connection, space.baseAddress! + count, space.count - count, &taken)
      if result == 1 {
        count += taken
        continue
      }
      let stop = reason(result)
      if stop != .needsMore { end = stop }
      return count > 0 ? .bytes(count) : stop
    }
    return .bytes(count)
  }

  private func reason(_ result: Int32) -> Decrypted {
    switch SSL_get_error(connection, result) {
    case SSL_ERROR_WANT_READ: .needsMore
    case SSL_ERROR_ZERO_RETURN: .ended
    default: .failed(TLSFailure(takingErrorsOfThread: "a fault of TLS"))
    }
  }

  /// Encrypts bytes into what is to be sent; false: TLS is over.
  package func encrypt(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    var taken = 0
    if SSL_write_ex(connection, bytes, count, &taken) == 1 && taken == count { return true }
    ERR_clear_error()
    return false
  }

  /// Tells the peer that nothing more comes (close_notify, RFC 8446 §6.1), if it can be told and
  /// has not been.
  package func endSending() {
    if !isEstablished || SSL_get_shutdown(connection) & SSL_SENT_SHUTDOWN != 0 { return }
    if SSL_shutdown(connection) < 0 { ERR_clear_error() }
  }

  /// Frees everything.
  package func release() {
    SSL_free(connection)
  }
}
