// Bytes in and out of connections behind TLS (wss://). One record buffer serves all connections of
// a thread: what was received for one is used up before another is looked at.

import CLinux
import Glibc
import RelayEngine
import TLS

/// What the TLS connections of one thread share.
struct SecureMemory {
  let settings: TLSSettings
  let buffers = RecordBuffers.make()
  let received = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)

  init(_ settings: TLSSettings) { self.settings = settings }

  func free() {
    RecordBuffers.free(buffers)
    received.deallocate()
  }
}

extension Links {
  /// What is encrypted in one go.
  private static var flightByteCount: Int { 64 << 10 }

  /// Begins TLS on a connected socket; false: out of memory.
  mutating func beginTLS(_ link: LinkPointer, host: String, _ memory: SecureMemory) -> Bool {
    guard
      let tls = TLSConnection(connecting: memory.settings, to: host, memory.buffers)
    else { return false }
    let secure = UnsafeMutablePointer<SecureSocket>.allocate(capacity: 1)
    secure.initialize(to: SecureSocket(link.pointee.socket, tls))
    link.pointee.secure = secure
    _ = sendRecords(link, secure, memory)
    return true
  }

  /// As recv(2), whatever is between. With TLS there may be more: `holdsMore`.
  @inline(__always)
  mutating func receive(_ link: LinkPointer, _ space: UnsafeMutableRawBufferPointer) -> Int {
    guard let secure = link.pointee.secure, let memory = tls else {
      return linux_receive(link.pointee.socket, space.baseAddress, space.count)
    }
    return receive(link, space, through: secure, memory)
  }

  @inline(never)
  private mutating func receive(
    _ link: LinkPointer, _ space: UnsafeMutableRawBufferPointer,
    through secure: UnsafeMutablePointer<SecureSocket>, _ memory: SecureMemory
  ) -> Int {
    var hasReceived = false
    while true {
      let result = secure.pointee.tls.decrypt(into: space)
      _ = sendRecords(link, secure, memory)
      switch result {
      case .bytes(let count): return count
      case .ended: return 0
      case .failed(let failure):
        tlsFailure = "TLS: \(failure.text)"
        return 0
      case .needsMore where hasReceived:
        errno = EAGAIN
        return -1
      case .needsMore:
        let bytes = memory.received
        let count = linux_receive(link.pointee.socket, bytes.baseAddress, bytes.count)
        if count <= 0 { return count }
        hasReceived = true
        secure.pointee.tls.receive(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
      }
    }
  }

  /// Whether `receive` has more to give although epoll knows of nothing. What is left of a
  /// connection that is gone is nobody's.
  @inline(__always)
  func holdsMore(_ link: LinkPointer) -> Bool {
    guard let memory = tls else { return false }
    if let secure = link.pointee.secure { return secure.pointee.tls.hasMore }
    memory.buffers.pointee.clearReceived()
    return false
  }

  /// As `send`; what is encrypted counts as sent.
  @inline(never)
  mutating func send(
    _ link: LinkPointer, through secure: UnsafeMutablePointer<SecureSocket>,
    _ failure: inout Int32
  ) -> Bool {
    guard let memory = tls, sendWaiting(link) else { return false }
    while !link.pointee.unsent.isEmpty && !secure.pointee.hasWaiting {
      let bytes = link.pointee.unsent
      let count = min(bytes.count, Self.flightByteCount)
      guard secure.pointee.tls.encrypt(bytes.baseAddress!, count) else {
        failure = EPROTO
        return false
      }
      link.pointee.unsent = UnsafeRawBufferPointer(rebasing: bytes[count...])
      failure = sendRecords(link, secure, memory)
      if failure != 0 { return false }
    }
    return link.pointee.unsent.isEmpty
  }

  /// Sends what waits encrypted; false: there is no room for more.
  @inline(__always)
  mutating func sendWaiting(_ link: LinkPointer) -> Bool {
    guard let secure = link.pointee.secure, secure.pointee.hasWaiting else { return true }
    return sendWaiting(link, secure)
  }

  private mutating func sendWaiting(
    _ link: LinkPointer, _ secure: UnsafeMutablePointer<SecureSocket>
  ) -> Bool {
    // An error shows itself in what is received.
    _ = secure.pointee.sendWaiting()
    watchRoom(link, secure.pointee.hasWaiting)
    return !secure.pointee.hasWaiting
  }

  private mutating func sendRecords(
    _ link: LinkPointer, _ secure: UnsafeMutablePointer<SecureSocket>, _ memory: SecureMemory
  ) -> Int32 {
    let error = secure.pointee.send(memory.buffers.pointee.toSend)
    memory.buffers.pointee.clearToSend()
    if secure.pointee.hasWaiting { watchRoom(link, true) }
    return error
  }

  /// Why TLS ended, told once.
  mutating func takeTLSFailure() -> String? {
    defer { tlsFailure = nil }
    return tlsFailure
  }

  mutating func releaseTLS(_ link: LinkPointer) {
    guard let secure = link.pointee.secure, let memory = tls else { return }
    secure.pointee.tls.endSending()
    _ = sendRecords(link, secure, memory)
    secure.pointee.release()
    secure.deinitialize(count: 1)
    secure.deallocate()
    link.pointee.secure = nil
  }
}
