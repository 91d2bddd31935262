// What a session is made of: its size, its cold facts, addresses and times.

import RelayTestSupport
import Testing
import WebSocketProtocol

@testable import RelayCore

@Suite("Session")
struct SessionTests {
  /// Each idle connection costs this and its details; three cache lines, and no session shares one.
  @Test func size() {
    print("MemoryLayout<Session>.size == \(MemoryLayout<Session>.size)")
    #expect(MemoryLayout<Session>.stride == 192)
  }

  @Test("Details come out as they went in", arguments: PeerAddress.Family.allFamilies)
  func details(family: PeerAddress.Family) {
    let texts = [
      "", "x", "/room/a?b=c", String(repeating: "y", count: 65_535), "\u{0}\u{1F600}\u{E9}",
      String(repeating: "\u{E9}", count: 300),
    ]
    for path in texts {
      for other in texts {
        let peer = PeerAddress(
          family: family, port: family == .unix ? 0 : 65_535,
          high: family == .unix ? 0 : family == .ipv4 ? 0xC000_0207 << 32 : .max - 1,
          low: family == .ipv6 ? 0x0102_0304_0506_0708 : 0)
        var facts = SessionDetails.Facts(
          connectionID: .max, acceptedAt: Instant(microseconds: -5), peer: peer)
        (facts.path, facts.origin, facts.userAgent, facts.subprotocol) = (path, other, path, other)
        var details = SessionDetails(facts)
        #expect(details.facts == facts)
        details.release()
        details.release()

        // What is known at accept, and what the handshake adds to it.
        facts.via = PeerAddress(family: .ipv4, port: 7, high: 0xC000_0208 << 32, low: 0)
        facts.restartCount = 3
        var known = facts
        (known.path, known.origin, known.userAgent, known.subprotocol) = ("", "", "", "")
        details = SessionDetails(known)
        facts.isCountedByPeer = true
        details.add(
          path: path, origin: other, userAgent: path, subprotocol: other, isCountedByPeer: true)
        #expect(details.facts == facts)
        details.add(path: "", origin: "", userAgent: "", subprotocol: "", isCountedByPeer: false)
        #expect(details.facts == known)
        details.release()
      }
    }
  }

  @Test("Texts beyond 64 KiB are cut")
  func hostileLengths() {
    var facts = SessionDetails.Facts(connectionID: 1, acceptedAt: .origin, peer: .unix)
    facts.path = String(repeating: "a", count: 200_000)
    facts.userAgent = "end"
    var details = SessionDetails(facts)
    #expect(details.facts.path.utf8.count == 65_535)
    #expect(details.facts.userAgent == "end")
    details.release()
  }

  @Test(
    "RFC 5952",
    arguments: [
      (0x2001_0DB8_0000_0000, 1, "2001:db8::1"), (0, 0, "::"), (0, 1, "::1"),
      (0x2001_0DB8_0000_0001, 0x0001_0001_0001_0001, "2001:db8:0:1:1:1:1:1"),
      (0x2001_0000_0000_0001, 0x0000_0000_0000_0001, "2001:0:0:1::1"),
      (0x2001_0DB8_0000_0000, 0x0001_0000_0000_0001, "2001:db8::1:0:0:1"),
      (0x0001_0000_0000_0000, 0, "1::"),
      (0x2001_0DB8_AAAA_BBBB, 0xCCCC_DDDD_EEEE_00FF, "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ff"),
      (0, 0x0000_FFFF_C000_0201, "::ffff:c000:201"),
      (0x0000_0001_0000_0001, 0x0000_0001_0000_0001, "0:1:0:1:0:1:0:1"),
    ] as [(UInt64, UInt64, String)])
  func addresses(high: UInt64, low: UInt64, text: String) {
    let peer = PeerAddress(family: .ipv6, port: 80, high: high, low: low)
    #expect(peer.host == text)
    #expect(peer.description == "[\(text)]:80")
  }

  @Test func otherAddresses() {
    let peer = PeerAddress(family: .ipv4, port: 51234, high: 0xC000_02FF << 32, low: 0)
    #expect(peer.description == "192.0.2.255:51234" && peer.host == "192.0.2.255")
    #expect(PeerAddress.unix.description == "unix" && PeerAddress.unix.host == "unix")
  }

  @Test("Durations never wrap round")
  func wholeMicroseconds() {
    #expect(Duration.milliseconds(1500).wholeMicroseconds == 1_500_000)
    #expect(Duration.nanoseconds(1999).wholeMicroseconds == 1)
    #expect(Duration.zero.wholeMicroseconds == 0)
    #expect(Duration.seconds(Int64.max / 1_000_000 + 1).wholeMicroseconds == .max)
    #expect(Duration.seconds(-9_223_372_036_855).wholeMicroseconds == .min)
    let last = Duration.seconds(9_223_372_036_854)
    #expect(last.wholeMicroseconds == 9_223_372_036_854_000_000)
    #expect((last + .microseconds(775_807)).wholeMicroseconds == .max)
    #expect((last + .microseconds(999_999)).wholeMicroseconds == .max)
  }
}

extension PeerAddress.Family {
  static let allFamilies: [PeerAddress.Family] = [.unix, .ipv4, .ipv6]
}
