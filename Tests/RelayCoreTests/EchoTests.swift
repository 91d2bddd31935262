// Echo as dialogues: what goes in comes back, whatever the pieces, sizes and states of the socket.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Echo")
struct EchoTests {
  @Test func textAndBinary() {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    #expect(peer.head.hasPrefix("HTTP/1.1 101 "))
    #expect(peer.head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    let frames = [CoreFrame.text("grüße"), .binary([0, 255, 128]), .text(""), .binary([])]
    for frame in frames { peer.send(frame) }
    #expect(peer.frames == frames)
    driver.stop()
    #expect(driver.leftovers == [])
    #expect(driver.recording.closed.map(\.sentMessageCount) == [4])
    #expect(driver.recording.closed.map(\.receivedByteCount) == [10])
  }

  @Test("Many messages in one receive call are answered with one send call")
  func inPlace() {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    let callCount = peer.socket.sendCallCount
    let frames = (0..<300).map { CoreFrame.text(String(repeating: "x", count: $0)) }
    peer.send(frames.masked)
    #expect(peer.frames == frames)
    #expect(peer.socket.sendCallCount == callCount + 1)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Messages behind the request in the same bytes", arguments: [Int.max, 200, 90, 7, 1])
  func pipelined(limit: Int) {
    let driver = CoreDriver(Route.builtIn)
    driver.receiveLimit = limit
    let peer = driver.accept()
    let frames = [CoreFrame.text("one"), .binary(Array(repeating: 7, count: 300)), .text("two")]
    peer.send(CoreDriver.request("/echo") + frames.masked)
    #expect(peer.frames == frames)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Fragments with control frames between them, in pieces of every size")
  func fragments() {
    let bytes =
      [
        CoreFrame(0x01, Array("ab\u{E4}".utf8.dropLast())), .ping([1, 2]),
        CoreFrame(0x00, [0xA4]), CoreFrame(0x00), .pong([9]), CoreFrame(0x80, Array("c".utf8)),
        .text("next"), CoreFrame(0x02), CoreFrame(0x80),
      ].masked
    for limit in 1...bytes.count {
      let driver = CoreDriver(Route.builtIn)
      let peer = driver.connect("/echo")
      driver.receiveLimit = limit
      peer.send(bytes)
      #expect(
        peer.frames == [.pong([1, 2]), .text("ab\u{E4}c"), .text("next"), .binary([])])
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }

  @Test("Payloads around every change of the header's form")
  func lengths() {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    var frames: [CoreFrame] = []
    for count in [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, 200_000, 1 << 20] {
      let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      frames.append(.binary(payload))
      peer.send(frames[frames.count - 1])
    }
    #expect(peer.frames == frames)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A large message, received into its own block", arguments: [Int.max, 70_000, 4099])
  func direct(limit: Int) {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    driver.receiveLimit = limit
    var random = SeededGenerator(seed: 1)
    let frames = [
      CoreFrame.text("before"), .binary(random.bytes(300_000)), .text("between"),
      .text(String(repeating: "grüße ", count: 40_000)), .text("after"),
    ]
    peer.send(frames.masked)
    #expect(peer.frames == frames)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("Partial sends at every byte of the replies")
  func partialSends() {
    let frames = [
      CoreFrame.text("abc"), .binary(Array(repeating: 1, count: 130)), .ping([5]), .text("end"),
    ]
    let bytes = frames.masked
    let total = frames.reduce(0) { $0 + $1.fromServer.count }
    for room in 0...total {
      let driver = CoreDriver(Route.builtIn)
      let peer = driver.connect("/echo")
      peer.socket.room = room
      peer.push(bytes)
      driver.turn()
      #expect(peer.socket.isReading == (room == total), "room \(room)")
      peer.read()
      #expect(peer.frames.map(\.payload) == frames.map(\.payload))
      #expect(peer.socket.isReading && !peer.socket.isWriting)
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }

  @Test(
    "A large reply whose block is handed over at any point", arguments: [0, 1, 9, 10, 11, 70_000])
  func partialBlock(room: Int) {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    peer.socket.room = room
    let frames = [CoreFrame.binary(Array(repeating: 3, count: 80_000)), .text("tail")]
    peer.push(frames.masked)
    driver.turn()
    peer.read()
    peer.send(.text("more"))
    #expect(peer.frames == frames + [.text("more")])
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A socket that takes few bytes a call")
  func trickle() {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    peer.socket.largestSend = { 777 }
    let frames = (0..<50).map { CoreFrame.text(String(repeating: "y", count: $0 * 40)) }
    peer.send(frames.masked)
    #expect(peer.frames == frames)
    driver.stop()
    #expect(driver.leftovers == [])
  }
}
