// The end of a connection on a real socket: a Close frame arrives before FIN and never behind a
// reset, and a peer that vanishes harms nobody else.

import CLinux
import Glibc
import RelayCore
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("Closing on the wire")
  struct ClosingTests {
    @Test("The Close frame, then FIN, though megabytes come after the error")
    func linger() throws {
      let test = try TestEngine(workers: 1)
      defer { test.stop() }
      for _ in 0..<10 {
        let client = try test.open("/echo")
        // An unmasked frame, and much that nobody will look at.
        try client.write([0x81, 0x01, 0x41] + [UInt8](repeating: 0x55, count: 4 << 20))
        #expect(try client.next().closeCode == 1002)
        #expect(try client.next() == .end)
      }
      #expect(test.log.closed(10).allSatisfy { $0.cause == .protocolError && $0.errno == 0 })
    }

    @Test(
      "A client that sends Close and unread data gets its Close, then FIN",
      arguments: [false, true])
    func peerClose(endsAtOnce: Bool) throws {
      let test = try TestEngine(workers: 1)
      defer { test.stop() }
      for unreadByteCount in [0, 1, 1 << 17, 1 << 20] {
        let client = try test.open("/echo")
        try client.write(
          Frames.masked(1, Array("last".utf8)) + Frames.masked(8, [0x03, 0xE8])
            + [UInt8](repeating: 0, count: unreadByteCount))
        if endsAtOnce { client.endSending() }
        #expect(try client.next() == .text("last"))
        #expect(try client.next().closeCode == 1000)
        #expect(try client.next() == .end)
        client.close()
      }
      #expect(test.log.closed(4).map(\.isClean) == [true, true, true, true])
    }

    @Test("A peer that half-closes gets what it asked for, then FIN")
    func halfClose() throws {
      let test = try TestEngine(workers: 1)
      defer { test.stop() }
      let client = try test.open("/echo")
      try client.send("last words")
      client.endSending()
      #expect(try client.next() == .text("last words"))
      #expect(try client.next() == .end)
      #expect(test.log.closed(1).map(\.cause) == [.peerFin])
    }

    @Test("A refusal is read before FIN, though the request has a body")
    func refusal() throws {
      let test = try TestEngine(workers: 1)
      defer { test.stop() }
      let client = try Client(try test.address())
      try client.request("/nowhere")
      try client.write([UInt8](repeating: 0x20, count: 1 << 20))
      #expect(try client.readStatus().hasPrefix("HTTP/1.1 404"))
    }

    @Test("Peers that reset in the midst of a reply end alone")
    func resets() throws {
      let test = try TestEngine(workers: 2)
      defer { test.stop() }
      let stays = try test.open("/echo")
      let payload = [UInt8](repeating: 1, count: 60_000)
      for index in 0..<200 {
        let client = try test.open(index % 2 == 0 ? "/echo" : "/all")
        try client.send(opcode: 2, payload)
        client.reset()
      }
      let causes = Set(test.log.closed(200).map(\.cause))
      #expect(causes.isSubset(of: [.peerReset]), "\(causes)")
      try stays.send("still served")
      #expect(try stays.next() == .text("still served"))
    }
  }
}
