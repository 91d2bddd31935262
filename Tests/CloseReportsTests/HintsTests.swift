// Hints: each is given where the data supports it, and not where it does not.

import Testing

@testable import CloseReports

@Suite("Hints")
struct HintsTests {
  /// Entries from peers of many networks, spread over the hour.
  private static func entries(
    _ count: UInt64, cause: String = "peer-fin", isClean: Bool = false,
    _ change: (UInt64, inout CloseEntry) -> Void = { _, _ in }
  ) -> [CloseEntry] {
    (0..<count).map { number in
      .sample(after: number * 3600 / count, cause: cause, isClean: isClean) {
        $0.peer = "198.51.\(number % 250).7"
        // Spread as people's lifetimes are.
        $0.lifetime = (1 + number * number % 997) * 7 * second
        $0.idle = (1 + number * 31 % 89) * second / 4
        change(number, &$0)
      }
    }
  }

  private static func hints(
    _ entries: [CloseEntry], pingInterval: UInt64? = nil
  ) -> [String] {
    Hints(.of(entries), pingInterval: pingInterval).sentences
  }

  @Test("Ordinary closes give no hint")
  func none() {
    #expect(Self.hints(Self.entries(200)) == [])
    #expect(Self.hints(Self.entries(200, cause: "peer-close", isClean: true)) == [])
    #expect(Self.hints([]) == [])
  }

  @Test("Equal lifetimes in silence: an idle timeout in front")
  func idleCut() {
    let cut = Self.entries(412) { number, entry in
      entry.lifetime = 60 * second + number * 100
      entry.idle = 60 * second
    }
    #expect(
      Self.hints(cut, pingInterval: 75 * second) == [
        "412 of 412 cut connections lived 60.0 s: something in front cuts idle connections at "
          + "60.0 s; ping_interval is 75.0 s"
      ])
    #expect(Self.hints(cut).first?.hasSuffix("set ping_interval below that") == true)
    #expect(Self.hints(cut, pingInterval: 0).first?.hasSuffix("ping_interval is off") == true)
    #expect(Self.hints(Array(cut.prefix(19))) == [])
  }

  @Test("Equal lifetimes of busy connections: a limit of age in front")
  func ageCut() {
    let cut = Self.entries(100) { _, entry in entry.lifetime = 3600 * second }
    #expect(Self.hints(cut).first?.hasPrefix("100 of 100 cut connections lived 1h0m:") == true)
    #expect(Self.hints(cut).first?.contains("at that age") == true)
  }

  @Test("Equal silence after different lives: an idle timeout in front")
  func silence() {
    let cut = Self.entries(100) { _, entry in entry.idle = 60 * second }
    #expect(
      Self.hints(cut).first?.hasPrefix("100 of 100 cut connections had been silent for 60.0 s:")
        == true)
  }

  @Test("Lifetimes that our own deadlines make equal say nothing")
  func ownDeadlines() {
    for cause in ["idle-timeout", "pong-timeout", "max-lifetime", "peer-close"] {
      let closed = Self.entries(100, cause: cause) { _, entry in
        entry.lifetime = 60 * second
        entry.idle = 60 * second
      }
      #expect(Self.hints(closed) == [], "\(cause)")
    }
  }

  @Test("One peer, or one network, behind most")
  func peers() {
    let clean = Self.entries(200, cause: "peer-close", isClean: true)
    let peer = Self.entries(60) { number, entry in if number < 40 { entry.peer = "192.0.2.7" } }
    #expect(
      Self.hints(clean + peer).contains {
        $0.hasPrefix("40 of 60 abnormal closes are of one peer, 192.0.2.7:")
      })
    let network = Self.entries(60) { number, entry in
      if number < 40 { entry.peer = "2001:db8::\(number)" }
    }
    #expect(
      Self.hints(clean + network).contains {
        $0.hasPrefix("40 of 60 abnormal closes are of one network, 2001:db8::/64:")
      })
    let proxy = Self.entries(100) { _, entry in entry.peer = "10.0.0.1" }
    #expect(Self.hints(proxy).contains { $0.contains("if that is a proxy") })
    let local = Self.entries(100) { _, entry in entry.peer = "unix" }
    #expect(Self.hints(local) == [])
  }

  @Test("Most of them within seconds")
  func storm() {
    var closed = Self.entries(40)
    closed += Self.entries(80) { number, entry in
      entry.time = sampleStart + 3700 * second + number * second / 20
    }
    let hints = Self.hints(closed)
    #expect(hints.count == 1)
    #expect(
      hints.first?.hasPrefix("80 of 120 closes came within 10 s from 2026-11-24 11:0") == true)
    let stop = Self.entries(150, cause: "drain", isClean: true) { _, entry in
      entry.time = sampleStart
    }
    #expect(Self.hints(stop).first?.contains("spread in [drain]") == true)
  }

  @Test("Slow peers among pong timeouts")
  func slow() {
    let slow = Self.entries(40, cause: "pong-timeout") { number, entry in
      entry.unsentByteCount = number < 31 ? 4096 : 0
    }
    #expect(Self.hints(slow).first?.hasPrefix("31 of 40 pong timeouts had bytes unsent") == true)
    let dead = Self.entries(40, cause: "pong-timeout") { _, entry in entry.unsentByteCount = 0 }
    #expect(Self.hints(dead) == [])
  }

  @Test("Codes for servers, and a client that breaks its frames")
  func oddClients() {
    let codes = Self.entries(30, cause: "peer-close", isClean: true) { number, entry in
      if number < 6 { entry.codeReceived = 1012 }
    }
    #expect(
      Self.hints(codes).first?.hasPrefix("6 peers sent a code for servers, such as 1012") == true)
    let broken = Self.entries(40, cause: "invalid-utf8") { number, entry in
      entry.userAgent = number < 36 ? "bad/1.0" : "good/\(number)"
    }
    #expect(Self.hints(broken).first?.contains("client \"bad/1.0\"") == true)
    let mixed = Self.entries(40, cause: "protocol-error") { number, entry in
      entry.userAgent = "client/\(number % 4)"
    }
    #expect(Self.hints(mixed) == [])
  }

  @Test("Health checks")
  func probes() {
    let probes = Self.entries(100) { _, entry in
      entry.phase = "handshake"
      entry.lifetime = 5 * second
    }
    #expect(Self.hints(probes).first?.contains("came before any request") == true)
  }
}
