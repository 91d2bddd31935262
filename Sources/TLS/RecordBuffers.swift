// Where OpenSSL reads encrypted records from, and writes them to: memory of one thread, in place of
// a socket. It asks for bytes through a BIO; ours has what was received last, and takes everything.

import COpenSSL

/// The encrypted bytes of the connection that is being worked on. All connections of a thread share
/// one of these, at an address that does not change.
package struct RecordBuffers {
  /// What was received and not read yet.
  var received = UnsafeRawBufferPointer(start: nil, count: 0)
  private var written: UnsafeMutableRawPointer
  private var writtenCapacity: Int
  private var writtenCount = 0
  /// What is to be sent; good until the next call into TLS.
  package var toSend: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: written, count: writtenCount)
  }

  /// What is to be sent has been, or is kept elsewhere.
  package mutating func clearToSend() { writtenCount = 0 }

  /// What was received is nobody's any more: its connection is gone.
  package mutating func clearReceived() {
    received = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Puts buffers where they stay.
  package static func make() -> UnsafeMutablePointer<RecordBuffers> {
    let buffers = UnsafeMutablePointer<RecordBuffers>.allocate(capacity: 1)
    buffers.initialize(to: RecordBuffers(capacity: 128 << 10))
    return buffers
  }

  /// A connection's door to buffers: its own, because OpenSSL chains others to it for a while. nil:
  /// out of memory.
  static func makeBIO(_ buffers: UnsafeMutablePointer<RecordBuffers>) -> OpaquePointer? {
    guard let bio = BIO_new(method.pointer) else { return nil }
    BIO_set_data(bio, buffers)
    BIO_set_init(bio, 1)
    return bio
  }

  /// Frees buffers that no connection uses any more.
  package static func free(_ buffers: UnsafeMutablePointer<RecordBuffers>) {
    buffers.pointee.written.deallocate()
    buffers.deallocate()
  }

  private init(capacity: Int) {
    written = .allocate(byteCount: capacity, alignment: 16)
    writtenCapacity = capacity
  }

  fileprivate mutating func read(into space: UnsafeMutableRawPointer, _ maximum: Int) -> Int {
    let count = min(maximum, received.count)
    if count == 0 { return 0 }
    space.copyMemory(from: received.baseAddress!, byteCount: count)
    received = UnsafeRawBufferPointer(rebasing: received[count...])
    return count
  }

  fileprivate mutating func write(_ bytes: UnsafeRawPointer, _ count: Int) {
    if writtenCount + count > writtenCapacity {
      let capacity = max(writtenCapacity * 2, writtenCount + count)
      let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
      larger.copyMemory(from: written, byteCount: writtenCount)
      written.deallocate()
      (written, writtenCapacity) = (larger, capacity)
    }
    (written + writtenCount).copyMemory(from: bytes, byteCount: count)
    writtenCount += count
  }

  /// The one kind of BIO there is here; never changed once it is made.
  private struct Method: @unchecked Sendable { let pointer: OpaquePointer }

  private static let method: Method = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records") else {
      fatalError("out of memory")
    }
    BIO_meth_set_read(method) { bio, space, maximum in
      guard let bio, let space, let buffers = RecordBuffers.of(bio) else { return -1 }
      let count = buffers.pointee.read(into: space, Int(maximum))
      if count > 0 { return Int32(count) }
      openssl_read_again_later(bio)
      return -1
    }
    BIO_meth_set_write(method) { bio, bytes, count in
      guard let bio, let bytes, let buffers = RecordBuffers.of(bio) else { return -1 }
      buffers.pointee.write(bytes, Int(count))
      return count
    }
    // Nothing waits in here, so a flush is done at once.
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return Method(pointer: method)
  }()

  private static func of(_ bio: OpaquePointer) -> UnsafeMutablePointer<RecordBuffers>? {
    BIO_get_data(bio)?.assumingMemoryBound(to: RecordBuffers.self)
  }
}
