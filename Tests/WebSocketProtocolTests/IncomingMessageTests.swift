// A message in place: copied out, also to just below where it lies, and checked if it is text.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §5.6: data messages in place")
struct IncomingMessageTests {
  /// Takes the message off the front of a buffer and writes it `distance` bytes below its payload.
  private func copied(_ frame: TestFrame, distance: Int) -> (payload: [UInt8], isValid: Bool)? {
    var bytes = [UInt8](repeating: 0, count: 14) + frame.bytes(to: ServerRole.self)
    return bytes.withUnsafeMutableBytes { buffer in
      var input = ReceivedBytes(buffer.baseAddress! + 14, count: buffer.count - 14)
      guard
        let message = ServerConnection().takeWholeMessage(&input, maximumByteCount: 1 << 20),
        input.count == 0
      else { return nil }
      let destination = message.payload - distance
      let isValid = message.copyPayload(to: destination)
      return (Array(UnsafeRawBufferPointer(start: destination, count: message.byteCount)), isValid)
    }
  }

  /// A server's header is 4 bytes shorter than a client's, and others wait in front of it.
  @Test(arguments: 0...14, [0, 1, 7, 8, 63, 64, 125, 126, 127, 500])
  func repliesOverTheirRequest(distance: Int, count: Int) throws {
    let payload = pattern(count)
    let result = try #require(copied(.binary(payload), distance: distance))
    #expect(result.payload == payload)
    #expect(result.isValid)
  }

  @Test(
    arguments: [
      (Array("plain".utf8), true), (Array("é".utf8), true), ([0xFF], false), ([0xC3], false),
      ([UInt8](repeating: 0x61, count: 200) + [0x80], false), ([], true),
    ] as [([UInt8], Bool)])
  func textIsChecked(payload: [UInt8], isValid: Bool) throws {
    let text = try #require(copied(.text(payload), distance: 4))
    #expect(text.isValid == isValid)
    let binary = try #require(copied(.binary(payload), distance: 4))
    #expect(binary.isValid)
    #expect(binary.payload == payload)
  }

  /// What the fast path leaves alone, and that it leaves it untouched.
  @Test(
    arguments: [
      .ping(), .close(), .continuation([1]), .text("a").notFinal, .text(pattern(65_536)),
      .text("a").with { $0.reservedBits = 4 }, .text("a").with { $0.isMasked = false },
      .text("a").with { $0.lengthForm = .sixteenBits }, .binary(pattern(101)),
      .binary(pattern(126)),
      .binary([1]).with { $0.declaredByteCount = 2 },
      .binary(pattern(5)).with { $0.declaredByteCount = 100 },
    ] as [TestFrame])
  func leftToTheSlowPath(frame: TestFrame) {
    var bytes = frame.bytes(to: ServerRole.self)
    bytes.withUnsafeMutableBytes { buffer in
      var input = ReceivedBytes(buffer.baseAddress!, count: buffer.count)
      let message = ServerConnection().takeWholeMessage(&input, maximumByteCount: 100)
      #expect(message == nil)
      #expect(input.count == buffer.count)
    }
  }
}
