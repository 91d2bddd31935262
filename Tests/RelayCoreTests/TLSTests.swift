// What a shard makes of TLS that the engine puts between: its handshake in time, and its failures.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Behind TLS")
struct BehindTLSTests {
  private static func driver(_ change: (inout ListenerPolicy) -> Void = { _ in }) -> CoreDriver {
    var policy = ListenerPolicy(name: "test")
    policy.handshakeTimeout = .seconds(3)
    change(&policy)
    return CoreDriver(Route.builtIn, listeners: [policy])
  }

  @Test("a handshake that is done is followed by a request as ever") func secured() throws {
    let driver = Self.driver()
    let peer = driver.accept(behindTLS: true)
    let session = try #require(peer.session)
    #expect(session.pointee.awaited == .tls)
    driver.turn { driver.shard.secured(session) }
    peer.send(CoreDriver.request("/echo"))
    #expect(peer.head.contains(" 101 "))
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("a handshake that is not done in time fails TLS, not HTTP") func late() throws {
    let driver = Self.driver()
    let peer = driver.accept(behindTLS: true)
    driver.advance(.seconds(2))
    #expect(driver.recording.closed.isEmpty)
    driver.advance(.milliseconds(1100))
    let record = try #require(driver.recording.closed.first)
    #expect(record.cause == .tlsFailure)
    #expect(record.initiator == .relay)
    #expect(record.phase == .handshake)
    #expect(record.detail == "handshake_timeout=3s")
    #expect(record.effectiveCode == .tlsHandshake)
    #expect(peer.head == "")
    // Its end was recorded once; the peer's silence after it changes nothing.
    driver.advance(.seconds(10))
    #expect(driver.recording.closed.count == 1)
    #expect(driver.leftovers == [])
  }

  @Test("a request that is not complete in time is refused by HTTP") func lateRequest() throws {
    let driver = Self.driver()
    let peer = driver.accept(behindTLS: true)
    let session = try #require(peer.session)
    driver.turn { driver.shard.secured(session) }
    driver.advance(.milliseconds(3100))
    #expect(peer.head.contains(" 408 "))
    driver.advance(.seconds(10))
    #expect(driver.leftovers == [])
  }

  @Test("a failed handshake is recorded at once and read to its end", arguments: [true, false])
  func failed(byPeer: Bool) throws {
    let driver = Self.driver()
    let peer = driver.accept(behindTLS: true)
    let session = try #require(peer.session)
    driver.turn { driver.shard.tlsFailed(session, "why", byPeer: byPeer) }
    let record = try #require(driver.recording.closed.first)
    #expect(record.initiator == (byPeer ? .peer : .relay))
    #expect(record.detail == "why")
    #expect(!peer.socket.isClosed)
    driver.turn { driver.shard.tlsFailed(session, "again", byPeer: !byPeer) }
    peer.end()
    #expect(peer.socket.isClosed)
    #expect(driver.leftovers == [])
  }

  @Test("TLS that fails later ends an open connection without a Close frame") func open() throws {
    let driver = Self.driver()
    let peer = driver.accept(behindTLS: true)
    let session = try #require(peer.session)
    driver.turn { driver.shard.secured(session) }
    peer.send(CoreDriver.request("/room/1"))
    driver.turn { driver.shard.tlsFailed(session, "bad record", byPeer: false) }
    let record = try #require(driver.recording.closed.first)
    #expect(record.cause == .tlsFailure)
    #expect(record.phase == .open)
    #expect(record.codeSent == nil)
    #expect(record.route == "/room/{name}")
    #expect(driver.leftovers == [])
  }

  @Test("what follows a PROXY header is handed back undecrypted", arguments: [1, 16, 1000])
  func proxyHeader(size: Int) throws {
    let driver = Self.driver { $0.requiresProxyHeader = true }
    driver.receiveLimit = size
    let peer = driver.accept(behindTLS: true)
    let session = try #require(peer.session)
    let hello = [UInt8](0...40)
    let header = Array("PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n".utf8)
    var taken: [UInt8] = []
    var space = [UInt8](repeating: 0, count: 100)
    for byte in (header + hello).split(every: size) {
      // Once the header is through, the engine decrypts what comes.
      if session.pointee.awaited == .tls {
        taken += byte
        continue
      }
      peer.send(byte)
      guard session.pointee.awaited == .tls else { continue }
      let count = space.withUnsafeMutableBytes {
        driver.shard.takeBytesBehindProxyHeader(session, into: $0)
      }
      taken += space[..<count]
    }
    #expect(taken == hello)
    driver.turn { driver.shard.tlsFailed(session, "", byPeer: true) }
    #expect(driver.recording.closed.first?.peer.description == "203.0.113.9:4711")
    driver.stop()
    #expect(driver.leftovers == [])
  }
}

extension [UInt8] {
  fileprivate func split(every size: Int) -> [[UInt8]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
