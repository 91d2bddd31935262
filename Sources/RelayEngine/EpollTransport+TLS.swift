// The requests of a shard about sockets with TLS between. What is sent is encrypted at once and is
// then the socket's business: a shard hears of a full socket when a flight of records waits for it.

import CLinux
import Glibc
import RelayCore
import TLS

extension EpollTransport {
  /// As `send`: how many of the plain bytes were taken, or the negative error number.
  @inline(never)
  mutating func sendSecurely(
    _ pieces: UnsafeBufferPointer<OutboundPiece>, on socket: Int32
  ) -> Int {
    let secure = self.secure[socket]
    // Nobody could read it: the handshake is not done, or TLS is over.
    if secure.pointee.isOver || !secure.pointee.tls.isEstablished {
      return pieces.reduce(0) { $0 + $1.count }
    }
    if secure.pointee.hasWaiting { return 0 }
    var records = RecordWriter(secure, self.secure.shared)
    for piece in pieces {
      if !records.write(piece) { break }
    }
    records.finish()
    if records.error != 0 { return Int(-records.error) }
    updateWatch(secure)
    return records.takenCount
  }

  /// Sends what TLS itself has to say: its handshake, tickets, alerts.
  mutating func sendRecords(_ secure: SecureSocketPointer) -> Int32 {
    let buffers = self.secure.shared.buffers
    if buffers.pointee.toSend.isEmpty { return 0 }
    let error = secure.pointee.send(buffers.pointee.toSend)
    buffers.pointee.clearToSend()
    updateWatch(secure)
    return error
  }

  /// The socket has room again; returns 0 or the error number.
  mutating func sendWaiting(_ secure: SecureSocketPointer) -> Int32 {
    let error = secure.pointee.sendWaiting()
    if error == 0 && !secure.pointee.hasWaiting && secure.pointee.endsSending {
      secure.pointee.endsSending = false
      shutdown(secure.pointee.descriptor, Int32(SHUT_WR))
    }
    updateWatch(secure)
    return error
  }

  @inline(never)
  mutating func endSendingSecurely(_ socket: Int32) {
    let secure = self.secure[socket]
    secure.pointee.tls.endSending()
    _ = sendRecords(secure)
    if secure.pointee.hasWaiting {
      secure.pointee.endsSending = true
      updateWatch(secure)
    } else {
      shutdown(secure.pointee.descriptor, Int32(SHUT_WR))
    }
  }

  /// The socket is about to be closed.
  @inline(never)
  mutating func closeSecurely(_ socket: Int32, reset: Bool) {
    if !reset {
      let secure = self.secure[socket]
      secure.pointee.tls.endSending()
      _ = sendRecords(secure)
    }
    secure.remove(socket)
  }

  /// As `watch`.
  @inline(never)
  func watchSecurely(_ socket: Int32, reading: Bool, writing: Bool) {
    let secure = self.secure[socket]
    secure.pointee.isReading = reading
    secure.pointee.isWriting = writing
    updateWatch(secure)
  }

  /// Asks the poller for what the shard wants, and for room while encrypted bytes wait. Until the
  /// last of them are sent the peer is not read: its FIN would end the connection before.
  func updateWatch(_ secure: SecureSocketPointer) {
    let reading = secure.pointee.isReading && !secure.pointee.endsSending
    let writing = secure.pointee.isWriting || secure.pointee.hasWaiting
    if reading == secure.pointee.watchesReading && writing == secure.pointee.watchesWriting {
      return
    }
    secure.pointee.watchesReading = reading
    secure.pointee.watchesWriting = writing
    guard let session = secure.pointee.session else { return }
    modify(secure.pointee.descriptor, reading: reading, writing: writing, session)
  }
}

/// Cuts plain bytes into records and sends them, a flight at a time, until the socket is full.
private struct RecordWriter {
  private let secure: SecureSocketPointer
  private let memory: SecureSockets.SharedMemory
  /// Plain bytes in `memory.record`, not encrypted yet.
  private var pendingCount = 0
  private var flightCount = 0
  /// Plain bytes that are encrypted, and sent or waiting.
  private(set) var takenCount = 0
  private(set) var error: Int32 = 0

  init(_ secure: SecureSocketPointer, _ memory: SecureSockets.SharedMemory) {
    self.secure = secure
    self.memory = memory
  }

  /// Takes a piece as far as it goes; false: no further one.
  mutating func write(_ piece: OutboundPiece) -> Bool {
    let record = memory.record
    var offset = 0
    while offset < piece.count {
      let rest = piece.count - offset
      if pendingCount == 0 && rest >= record.count {
        encrypt(piece.base + offset, record.count)
        offset += record.count
      } else {
        let count = min(rest, record.count - pendingCount)
        (record.baseAddress! + pendingCount).copyMemory(
          from: piece.base + offset, byteCount: count)
        pendingCount += count
        offset += count
        if pendingCount == record.count { encryptPending() }
      }
      if flightCount >= Limits.encryptedFlightByteCount && !launch() { return false }
    }
    return true
  }

  /// Sends what is left.
  mutating func finish() {
    if error != 0 || secure.pointee.hasWaiting { return }
    encryptPending()
    _ = launch()
  }

  private mutating func encryptPending() {
    let count = pendingCount
    pendingCount = 0
    encrypt(memory.record.baseAddress!, count)
  }

  private mutating func encrypt(_ bytes: UnsafeRawPointer, _ count: Int) {
    if count == 0 || error != 0 { return }
    if secure.pointee.tls.encrypt(bytes, count) {
      takenCount += count
      flightCount += count
    } else {
      error = EPROTO
    }
  }

  /// Whether there is room for another flight.
  private mutating func launch() -> Bool {
    flightCount = 0
    let failure = secure.pointee.send(memory.buffers.pointee.toSend)
    memory.buffers.pointee.clearToSend()
    if failure != 0 { error = failure }
    return error == 0 && !secure.pointee.hasWaiting
  }
}
