// Sockets with TLS between them and the shard, which names them by their descriptor with a mark:
// one comparison tells them apart, and plain sockets pay nothing else.

import CLinux
import Glibc
import RelayCore
import TLS

/// The name by which a shard knows a socket.
enum SocketName {
  /// Above every descriptor there can be.
  private static let secureMark: Int32 = 1 << 30

  static func secure(_ descriptor: Int32) -> Int32 { descriptor | secureMark }

  @inline(__always)
  static func isSecure(_ socket: Int32) -> Bool { socket >= secureMark }

  @inline(__always)
  static func descriptor(_ socket: Int32) -> Int32 { socket & ~secureMark }
}

/// One socket's TLS, and the encrypted bytes that its socket did not take.
package struct SecureSocket {
  let descriptor: Int32
  package var tls: TLSConnection
  /// What the poller reports readiness to.
  var session: UnsafeMutableRawPointer?
  /// Whether the peer sent anything.
  var hasBegun = false
  /// The peer's close_notify was read: it sends nothing more.
  var hasEnded = false
  /// TLS is over: what comes is read to its end, and nothing can be sent.
  var isOver = false
  /// FIN follows what waits.
  var endsSending = false

  // What the shard asked to be told, and what the poller is asked.
  var isReading = true
  var isWriting = false
  var watchesReading = true
  var watchesWriting = false

  private var waiting: UnsafeMutableRawPointer?
  private var waitingStart = 0
  private var waitingEnd = 0

  /// The socket stays the caller's to close.
  package init(_ descriptor: Int32, _ tls: TLSConnection) {
    self.descriptor = descriptor
    self.tls = tls
  }

  /// The poller begins to report the socket.
  mutating func watch(_ session: UnsafeMutableRawPointer, reading: Bool, writing: Bool) {
    self.session = session
    (isReading, isWriting) = (reading, writing)
    (watchesReading, watchesWriting) = (reading, writing || hasWaiting)
  }

  /// Whether the socket was full.
  package var hasWaiting: Bool { waitingStart < waitingEnd }

  /// Sends bytes behind those that wait, and keeps what the socket does not take; returns 0 or the
  /// error number.
  package mutating func send(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    if bytes.isEmpty { return 0 }
    if hasWaiting {
      keep(bytes)
      return 0
    }
    let taken = linux_send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    if taken < 0 && errno != EAGAIN && errno != EINTR { return errno }
    if taken < bytes.count { keep(UnsafeRawBufferPointer(rebasing: bytes[max(0, taken)...])) }
    return 0
  }

  /// Sends what waits, as far as there is room; returns 0 or the error number.
  package mutating func sendWaiting() -> Int32 {
    guard let waiting, hasWaiting else { return 0 }
    let taken = linux_send(
      descriptor, waiting + waitingStart, waitingEnd - waitingStart, Int32(MSG_NOSIGNAL))
    if taken < 0 { return errno == EAGAIN || errno == EINTR ? 0 : errno }
    waitingStart += taken
    if !hasWaiting { freeWaiting() }
    return 0
  }

  private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
    let held = waitingEnd - waitingStart
    let grown = UnsafeMutableRawPointer.allocate(byteCount: held + bytes.count, alignment: 16)
    if let waiting { grown.copyMemory(from: waiting + waitingStart, byteCount: held) }
    (grown + held).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    freeWaiting()
    (waiting, waitingEnd) = (grown, held + bytes.count)
  }

  private mutating func freeWaiting() {
    waiting?.deallocate()
    (waiting, waitingStart, waitingEnd) = (nil, 0, 0)
  }

  /// Frees what it holds.
  package mutating func release() {
    freeWaiting()
    tls.release()
  }
}

typealias SecureSocketPointer = UnsafeMutablePointer<SecureSocket>

/// The secure sockets of one worker, and the memory they share. Nothing of it is there before the
/// first of them.
struct SecureSockets: ~Copyable {
  private var byDescriptor: [SecureSocketPointer?] = []
  private(set) var count = 0
  private var memory: SharedMemory?

  struct SharedMemory {
    let buffers = RecordBuffers.make()
    /// Where encrypted bytes are received.
    let received = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Limits.encryptedFlightByteCount, alignment: 64)
    /// Where small pieces are put together to one record.
    let record = UnsafeMutableRawBufferPointer.allocate(
      byteCount: TLSConnection.maximumRecordByteCount, alignment: 64)
  }

  deinit {
    guard let memory else { return }
    RecordBuffers.free(memory.buffers)
    memory.received.deallocate()
    memory.record.deallocate()
  }

  var shared: SharedMemory {
    mutating get {
      if let memory { return memory }
      let new = SharedMemory()
      memory = new
      return new
    }
  }

  @inline(__always)
  subscript(socket: Int32) -> SecureSocketPointer {
    byDescriptor[Int(SocketName.descriptor(socket))]!
  }

  /// Puts TLS before a socket; returns its new name, or nil: out of memory.
  mutating func add(_ descriptor: Int32, _ context: TLSSettings) -> Int32? {
    guard let tls = TLSConnection(accepting: context, shared.buffers) else { return nil }
    let index = Int(descriptor)
    while byDescriptor.count <= index { byDescriptor.append(nil) }
    let socket = SecureSocketPointer.allocate(capacity: 1)
    socket.initialize(to: SecureSocket(descriptor, tls))
    byDescriptor[index] = socket
    count += 1
    return SocketName.secure(descriptor)
  }

  mutating func remove(_ socket: Int32) {
    let index = Int(SocketName.descriptor(socket))
    guard let removed = byDescriptor[index] else { return }
    byDescriptor[index] = nil
    count -= 1
    removed.pointee.release()
    removed.deinitialize(count: 1)
    removed.deallocate()
  }
}
