// How addresses of peers read in records.

import Testing

@testable import RelayCore

@Suite("Peer address")
struct PeerAddressTests {
  @Test(
    "IPv4, every number of digits",
    arguments: [
      (0x0000_0000, "0.0.0.0:1"), (0xFFFF_FFFF, "255.255.255.255:65535"),
      (0x0A64_6909, "10.100.105.9:80"), (0xC000_0207, "192.0.2.7:51234"),
    ] as [(UInt64, String)])
  func ipv4(address: UInt64, text: String) throws {
    let port = try #require(UInt16(text.split(separator: ":")[1]))
    let peer = PeerAddress(family: .ipv4, port: port, high: address << 32, low: 0)
    #expect(peer.description == text)
    #expect(peer.host == text.split(separator: ":")[0])
  }

  @Test("without a port, where none is known")
  func withoutPort() throws {
    for text in ["192.0.2.7", "2001:db8::1"] {
      #expect(try #require(PeerAddress(host: text)).description == text)
    }
    #expect(PeerAddress.unix.description == "unix")
  }
}
