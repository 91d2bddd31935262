// The connecting end, read against bytes written out in full: the examples of RFC 6455 §5.7, and a
// conversation of two connections with each other.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §5.7: the examples, for both roles")
struct ConnectionExampleTests {
  private func events<Role: EndpointRole>(of bytes: [UInt8], as role: Role.Type)
    -> [DialogueEvent]
  {
    var dialogue = ConnectionDialogue<Role>()
    dialogue.receive(bytes)
    return dialogue.events
  }

  @Test func unmaskedText() {
    let bytes: [UInt8] = [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]
    #expect(events(of: bytes, as: ClientRole.self) == [.text("Hello")])
    #expect(events(of: bytes, as: ServerRole.self) == [.violation(.unmaskedFrame)])
  }

  @Test func maskedText() {
    let bytes: [UInt8] = [
      0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ]
    #expect(events(of: bytes, as: ServerRole.self) == [.text("Hello")])
    #expect(events(of: bytes, as: ClientRole.self) == [.violation(.maskedFrame)])
  }

  @Test func fragmentedText() {
    let bytes: [UInt8] = [0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]
    #expect(events(of: bytes, as: ClientRole.self) == [.text("Hello")])
  }

  @Test func pingAndMaskedPong() {
    let ping: [UInt8] = [0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]
    #expect(events(of: ping, as: ClientRole.self) == [.ping(Array("Hello".utf8))])
    let pong: [UInt8] = [
      0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ]
    #expect(events(of: pong, as: ServerRole.self) == [.pong(Array("Hello".utf8))])
  }

  @Test func binaryOf256Bytes() {
    let bytes: [UInt8] = [0x82, 0x7E, 0x01, 0x00] + pattern(256)
    #expect(events(of: bytes, as: ClientRole.self) == [.binary(pattern(256))])
  }

  @Test func binaryOf64KiB() {
    let bytes: [UInt8] = [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0] + pattern(65_536)
    #expect(events(of: bytes, as: ClientRole.self) == [.binary(pattern(65_536))])
  }
}

@Suite("RFC 6455 §7.1: two endpoints with each other")
struct ClientConnectionTests {
  /// The client says something and closes; the server answers with what it heard.
  @Test func closingHandshake() {
    var client = ConnectionDialogue<ClientRole>()
    var server = ConnectionDialogue<ServerRole>()
    server.receive([TestFrame.text("question")].bytes(to: ServerRole.self))
    client.receive([TestFrame.text("answer")].bytes(to: ClientRole.self))
    client.sendClose(CloseFrame(code: .normalClosure, reason: "done"))
    server.receive([TestFrame.close(1000, "done")].bytes(to: ServerRole.self))
    // Data that crossed the client's Close is skipped; the answer is found.
    client.receive([.binary([1]), TestFrame.close(1000)].bytes(to: ClientRole.self))
    let clientEvents = client.events
    let serverEvents = server.events
    #expect(clientEvents == [.text("answer"), .close(1000)])
    #expect(serverEvents == [.text("question"), .close(1000, "done")])
    let clientWasFirst = client.connection.sentCloseFirst
    let serverWasFirst = server.connection.sentCloseFirst
    #expect(clientWasFirst)
    #expect(!serverWasFirst)
  }

  /// Both close at once: each takes the other's Close for its answer.
  @Test func closesThatCross() {
    var client = ConnectionDialogue<ClientRole>()
    var server = ConnectionDialogue<ServerRole>()
    client.sendClose(CloseFrame(code: .normalClosure))
    server.sendClose(CloseFrame(code: .goingAway))
    client.receive([TestFrame.close(1001)].bytes(to: ClientRole.self))
    server.receive([TestFrame.close(1000)].bytes(to: ServerRole.self))
    let clientEvents = client.events
    let serverEvents = server.events
    #expect(clientEvents == [.close(1001)])
    #expect(serverEvents == [.close(1000)])
    let clientCodes = (client.connection.codeSent, client.connection.codeReceived)
    #expect(clientCodes == (.normalClosure, .goingAway))
    let serverCodes = (server.connection.codeSent, server.connection.codeReceived)
    #expect(serverCodes == (.goingAway, .normalClosure))
    let areBothFirst = client.connection.sentCloseFirst && server.connection.sentCloseFirst
    #expect(areBothFirst)
  }

  /// A whole unfragmented message takes the fast path in either role, and only that does.
  @Test(arguments: [0, 1, 125, 126, 500])
  func wholeMessagesTakeTheFastPath(count: Int) {
    let frames = [TestFrame.binary(pattern(count)), .ping(), .binary(pattern(count))]
    var client = ConnectionDialogue<ClientRole>()
    client.receive(frames.bytes(to: ClientRole.self))
    var server = ConnectionDialogue<ServerRole>()
    server.receive(frames.bytes(to: ServerRole.self))
    let clientCount = client.wholeMessageCount
    let serverCount = server.wholeMessageCount
    #expect(clientCount == 2)
    #expect(serverCount == 2)
    let areSame = client.events == server.events
    #expect(areSame)
  }
}
