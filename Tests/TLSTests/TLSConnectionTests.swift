// Both ends of TLS as a dialogue of bytes.

import Testing

@testable import TLS

@Suite("TLS connection")
struct TLSConnectionTests {
  let sample: SampleCertificate
  let server: TLSSettings
  let client: TLSSettings

  init() throws {
    sample = try SampleCertificate()
    server = try TLSSettings(serving: [sample.certificate()])
    client = try TLSSettings(connectingTrusting: sample.file, verifies: true)
  }

  private func pair(size: Int = .max, host: String = "localhost") throws -> (End, End) {
    let (relay, peer) = (
      try End(accepting: server), try End(connecting: client, to: host)
    )
    exchange(relay, peer, size: size)
    return (relay, peer)
  }

  @Test("the handshake does not depend on where the bytes are cut", arguments: [1, 5, 100, .max])
  func handshake(size: Int) throws {
    let (relay, peer) = try pair(size: size)
    #expect(relay.tls.isEstablished)
    #expect(peer.tls.isEstablished)
    #expect(relay.stop == nil)
  }

  @Test("bytes arrive whole and in order", arguments: [1, 100, 16_384, 16_385, 1_000_000])
  func data(count: Int) throws {
    let (relay, peer) = try pair()
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    #expect(peer.send(bytes))
    relay.receive(peer.takeSent(), size: 3000, space: 700)
    #expect(relay.plain == bytes)
    #expect(relay.send(bytes))
    peer.receive(relay.takeSent())
    #expect(peer.plain == bytes)
  }

  @Test("one space takes several records at once") func gathering() throws {
    let (relay, peer) = try pair()
    for byte in 0..<100 { #expect(peer.send([UInt8(byte)])) }
    peer.takeSent().withUnsafeBytes { records in
      relay.tls.receive(records)
      var space = [UInt8](repeating: 0, count: 1000)
      let result = space.withUnsafeMutableBytes { relay.tls.decrypt(into: $0) }
      #expect(result == .bytes(100))
    }
  }

  @Test("an end that is announced comes behind the bytes before it") func announcedEnd() throws {
    let (relay, peer) = try pair()
    #expect(peer.send([1, 2, 3]))
    peer.tls.endSending()
    relay.receive(peer.takeSent())
    #expect(relay.plain == [1, 2, 3])
    #expect(relay.stop == .ended)
    // The other direction is still there, and can be ended once.
    #expect(relay.send([4]))
    relay.tls.endSending()
    relay.tls.endSending()
    peer.receive(relay.takeSent())
    #expect(peer.plain == [4])
    #expect(peer.stop == .ended)
  }

  /// Not the two bytes of the length: more is waited for then.
  @Test(
    "a byte that was changed is a failure behind the bytes before it",
    arguments: [0, 1, 2] + Array(stride(from: 5, to: 122, by: 9)))
  func tampering(position: Int) throws {
    let (relay, peer) = try pair()
    #expect(peer.send([1, 2, 3]))
    let good = peer.takeSent()
    #expect(peer.send(Array(repeating: 9, count: 100)))
    var bad = peer.takeSent()
    bad[position] ^= 1
    relay.receive(good + bad)
    #expect(relay.plain == [1, 2, 3])
    guard case .failed(let failure)? = relay.stop else {
      Issue.record("\(String(describing: relay.stop))")
      return
    }
    #expect(!failure.isPeers)
    #expect(!relay.takeSent().isEmpty, "an alert")
    #expect(!relay.send([1]))
  }

  @Test("a name that the certificate is not for is the client's failure") func wrongName() throws {
    let (relay, peer) = try pair(host: "elsewhere.example")
    guard case .failed(let own)? = peer.stop, case .failed(let others)? = relay.stop else {
      Issue.record("\(String(describing: relay.stop))")
      return
    }
    #expect(!own.isPeers)
    #expect(others == TLSFailure("alert from the peer: bad certificate", isPeers: true))
  }

  @Test(
    "what is not TLS is called by its name",
    arguments: [
      ("GET / HTTP/1.1\r\n", "a plain HTTP request where TLS was expected", true),
      ("SSH-2.0-x\r\n", "what the peer sent is not TLS", false),
    ])
  func nonsense(text: String, words: String, isHTTP: Bool) throws {
    let relay = try End(accepting: server)
    relay.receive(Array(text.utf8))
    guard case .failed(let failure)? = relay.stop else {
      Issue.record("\(String(describing: relay.stop))")
      return
    }
    #expect(failure.text == words)
    #expect(failure.isPlainHTTP == isHTTP)
  }

  @Test("any beginning of a hello is waited for, and any change of it does no harm")
  func hostileHello() throws {
    let hello = try End(connecting: client, to: "localhost").takeSent()
    for count in 1..<hello.count {
      let relay = try End(accepting: server)
      relay.receive(Array(hello.prefix(count)))
      #expect(relay.stop == nil)
      #expect(!relay.tls.isEstablished)
    }
    for position in hello.indices {
      let relay = try End(accepting: server)
      var changed = hello
      changed[position] ^= 0xFF
      relay.receive(changed)
      #expect(!relay.tls.isEstablished)
    }
  }
}
