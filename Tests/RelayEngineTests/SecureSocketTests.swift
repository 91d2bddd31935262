// Encrypted bytes that a socket did not take: who waits for what until they are sent.

import Glibc
import TLS
import Testing

@testable import RelayEngine

@Suite("Secure sockets")
struct SecureSocketTests {
  @Test("A peer is not read between the end of sending and the last of what waits")
  func endWithBytesWaiting() throws {
    var ends: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0, &ends) == 0)
    defer { close(ends[1]) }
    let poller = try Poller()
    let crowd = try Crowd()
    var transport = EpollTransport(
      poller: poller.descriptor, crowd: crowd.descriptor, workerIndex: 0,
      exchange: try Exchange(workerCount: 1), recorder: EventLog())
    let settings = try TLSSettings(connectingTrusting: nil, verifies: false)
    let name = transport.secure.add(ends[0], settings)
    let socket = try #require(name)
    let secure = transport.secure[socket]
    let session = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
    defer { session.deallocate() }
    #expect(
      transport.add(socket, reading: true, writing: false, session: session, isNewcomer: false)
        == 0)

    let large = [UInt8](repeating: 7, count: 4 << 20)
    let error = large.withUnsafeBytes { secure.pointee.send($0) }
    #expect(error == 0 && secure.pointee.hasWaiting)
    transport.endSending(socket)
    transport.watch(socket, reading: true, writing: false, session: session)
    #expect(!secure.pointee.watchesReading && secure.pointee.watchesWriting)

    var space = [UInt8](repeating: 0, count: 1 << 20)
    var count = 0
    while secure.pointee.hasWaiting {
      let taken = read(ends[1], &space, space.count)
      try #require(taken > 0)
      count += taken
      #expect(!secure.pointee.watchesReading)
      #expect(transport.sendWaiting(secure) == 0)
    }
    #expect(secure.pointee.watchesReading && !secure.pointee.watchesWriting)
    while case let taken = read(ends[1], &space, space.count), taken > 0 { count += taken }
    // TLS says nothing at its end where there was no handshake.
    #expect(count == large.count)
    #expect(read(ends[1], &space, 1) == 0)
    transport.close(socket, reset: false)
  }
}
