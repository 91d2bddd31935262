// Durations, sizes, addresses, origins and suggestions by themselves.

import RelayCore
import Testing

@testable import RelayConfiguration

@Suite("Durations and sizes")
struct UnitTextTests {
  @Test(
    "durations",
    arguments: [
      ("250ms", 250), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("0s", 0), ("0h", 0),
      ("1h30m", 5_400_000), ("1m0s500ms", 60_500), ("007s", 7000),
    ])
  func durations(text: String, milliseconds: Int) {
    #expect(DurationText.parse(text) == .milliseconds(milliseconds))
  }

  @Test(
    "what is no duration",
    arguments: [
      "", "s", "10", "10 s", " 10s", "10s ", "-1s", "+1s", "1.5s", "1d", "10S", "10sec", "1m1h",
      "1s1s", "1ms1s", "9223372036854775807h", "1h9223372036854775807ms", "١s", "1e3s", "1s\u{301}",
    ])
  func badDurations(text: String) { #expect(DurationText.parse(text) == nil) }

  @Test(
    "sizes", arguments: [("512B", 512), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)])
  func sizes(text: String, byteCount: Int) {
    #expect(SizeText.parse(text) == byteCount)
    #expect(SizeText.format(byteCount) == text)
  }

  @Test(
    "what is no size",
    arguments: [
      "", "1", "KiB", "1K", "1KB", "1kib", "1 KiB", "1.5MiB", "-1B", "1TiB", "1MiB1KiB",
      "9223372036854775807KiB",
    ])
  func badSizes(text: String) { #expect(SizeText.parse(text) == nil) }

  @Test("what is printed reads as the same") func roundTrip() {
    for milliseconds in [0, 1, 999, 1000, 1500, 59_000, 60_000, 90_000, 5_400_000, 2_592_000_000] {
      let duration = Duration.milliseconds(milliseconds)
      #expect(DurationText.parse(DurationText.format(duration)) == duration)
    }
    for byteCount in [0, 1, 1000, 1024, 1025, 1 << 20, (1 << 20) + 1024, 1 << 30] {
      #expect(SizeText.parse(SizeText.format(byteCount)) == byteCount)
    }
  }
}

@Suite("Listen addresses")
struct ListenAddressTests {
  @Test(
    "what is written, and what it is",
    arguments: [
      ("127.0.0.1:8080", "127.0.0.1:8080"), ("localhost:1", "127.0.0.1:1"), ("*:0", "*:0"),
      ("0.0.0.0:65535", "0.0.0.0:65535"), ("[::]:80", "[::]:80"), ("[::1]:80", "[::1]:80"),
      ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"), ("[2001:DB8::0:1]:80", "[2001:db8::1]:80"),
      ("[::ffff:192.0.2.1]:80", "[::ffff:c000:201]:80"), ("[1::]:80", "[1::]:80"),
      ("[1:0:0:2:0:0:0:3]:80", "[1:0:0:2::3]:80"), ("[1:0:2:3:4:5:6:7]:80", "[1:0:2:3:4:5:6:7]:80"),
      ("unix:/run/a b.sock", "unix:/run/a b.sock"),
      ("systemd:wsrelay.socket", "systemd:wsrelay.socket"),
    ])
  func good(text: String, written: String) throws {
    let address = try ListenAddress(parsing: text)
    #expect(address.description == written)
    #expect(try ListenAddress(parsing: written) == address)
  }

  @Test(
    "what is no address",
    arguments: [
      "", ":", ":80", "80", "*", "*:", "*:x", "*:-1", "*:+1", "*:65536", "1.2.3:80", "1.2.3.4.5:80",
      "1.2.3.256:80", "01.2.3.4:80", "1.2.3.4 :80", "[::1]", "[::1]80", "[]:80", "[:]:80",
      "[:::]:80", "[1:2]:80", "[1:2:3:4:5:6:7:8:9]:80", "[1::2::3]:80", "[1:2:3:4:5:6:7:8::]:80",
      "[12345::]:80", "[g::]:80", "[::1.2.3]:80", "[1.2.3.4::]:80", "[fe80::1%eth0]:80", "::1:80",
      "unix:", "unix:a", "unix:@a", "unix:/\u{0}", "systemd:", "systemd:a b", "systemd:a:b",
      "tcp:1.2.3.4:80", "\u{301}127.0.0.1:80",
      "unix:/" + String(repeating: "a", count: 107),
      "systemd:" + String(repeating: "a", count: 256),
    ])
  func bad(text: String) {
    #expect(throws: InvalidText.self) { try ListenAddress(parsing: text) }
  }

  @Test("who can connect") func locality() throws {
    for text in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "unix:/a", "systemd:a"] {
      #expect(try ListenAddress(parsing: text).isLocal)
    }
    for text in ["*:1", "0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
      #expect(try !ListenAddress(parsing: text).isLocal)
    }
  }
}

@Suite("Origins, subprotocols and suggestions")
struct OriginTextTests {
  @Test(
    "origins as browsers send them",
    arguments: [
      "null", "https://example.org", "http://localhost:3000", "https://*.example.org:8443",
      "http://127.0.0.1", "http://[::1]:3000", "https://xn--bcher-kva.example",
      "moz-extension://0a1b-2c",
    ])
  func good(text: String) throws { try OriginText.check(text) }

  @Test(
    "origins no browser sends",
    arguments: [
      "", "*", "example.org", "https:", "https://", "https:///", "https://a/", "https://a/b",
      "://a",
      "https://A", "HTTPS://a", "https://a:443", "http://a:80", "https://a:", "https://a:065",
      "https://a:65536", "https://*", "https://a*.b", "https://a.*", "https://u@a", "https://a b",
      "https://é", "https://a..b", "https://.a", "https://[::1", "https://[x]", "https://[::01]",
      "NULL", "https://a?b", "https:/a",
    ])
  func bad(text: String) { #expect(throws: InvalidText.self) { try OriginText.check(text) } }

  @Test("close codes are those that may be sent") func closeCodes() {
    let legal = [1000, 1003, 1007, 1014, 3000, 4999]
    let illegal = [Int.min, -1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 66_536, Int.max]
    #expect(legal.allSatisfy(Route.isLegalCloseCode))
    #expect(!illegal.contains(where: Route.isLegalCloseCode))
  }
}
