// What --print-effective prints, and what flags change.

import RelayCore
import Testing

@testable import RelayConfiguration

@Suite("Effective configuration")
struct EffectiveConfigurationTests {
  private static let sample = """
    threads = 2
    [log]
    peer_details = false
    [[listen]]
    address = "localhost:9000"
    handshake_timeout = "1500ms"
    [[listen]]
    address = "unix:/run/with \\"quotes\\".sock"
    [defaults]
    origins = ["https://example.org"]
    include_sender = true
    idle_timeout = "90s"
    [[route]]
    path = "/e"
    mode = "echo"
    [[route]]
    path = "/b/{x}/*"
    mode = "broadcast"
    max_message_size = "1000B"
    idle_timeout = "1h30m"
    """

  @Test("what is printed loads as the same configuration", arguments: ["", sample])
  func roundTrip(text: String) throws {
    let loaded = try load(text)
    let printed = loaded.effectiveText()
    let again = try load(printed)
    #expect(again.configuration == loaded.configuration)
    #expect(try load(again.effectiveText()).configuration == loaded.configuration)
  }

  @Test("each value says where it came from") func origins() throws {
    let location = ConfigurationLocation(flag: nil, environment: ["WSRELAY_CONFIG": "t.conf"])
    let loaded = try load(Self.sample).applying(listen: [], logLevel: "debug")
    let lines = loaded.effectiveText(location: location).split(separator: "\n")
    #expect(lines.first == "# \"t.conf\" (WSRELAY_CONFIG)")
    let expected = [
      "threads = 2  # t.conf:1", "max_connections = 0  # default",
      "level = \"debug\"  # --log-level", "peer_details = false  # t.conf:3",
      "address = \"127.0.0.1:9000\"  # t.conf:5", "handshake_timeout = \"1500ms\"  # t.conf:6",
      "address = \"unix:/run/with \\\"quotes\\\".sock\"  # t.conf:8",
      "# tls is not set  # default", "origins = [\"https://example.org\"]  # [defaults] t.conf:10",
      "include_sender = false  # default", "include_sender = true  # [defaults] t.conf:11",
      "idle_timeout = \"90s\"  # [defaults] t.conf:12", "idle_timeout = \"90m\"  # t.conf:20",
      "max_message_size = \"1000B\"  # t.conf:19", "path = \"/b/{x}/*\"  # t.conf:17",
    ]
    for line in expected { #expect(lines.contains(Substring(line)), "\(line)") }
  }

  @Test("every key is printed") func completeness() {
    let lines = LoadedConfiguration.builtIn().effectiveText().split(separator: "\n")
    for section in Section.allCases where section != .defaults {
      for key in Keys.descriptions(of: section) {
        #expect(lines.contains { $0.hasPrefix("\(key.name) = ") || $0.hasPrefix("# \(key.name) ") })
      }
    }
    #expect(lines.first == "# no file, built-in defaults")
  }

  @Test("--listen replaces the listeners and keeps the settings of a known address")
  func listenFlag() throws {
    let loaded = try load(Self.sample).applying(
      listen: ["*:1", "127.0.0.1:9000"], logLevel: nil)
    let listeners = loaded.configuration.listeners
    #expect(listeners.map(\.address.description) == ["*:1", "127.0.0.1:9000"])
    #expect(listeners.map(\.handshakeTimeout) == [.seconds(10), .milliseconds(1500)])
    #expect(loaded.origins[KeyPlace(.listen, 1, "address")].label == "--listen")
    #expect(loaded.origins[KeyPlace(.listen, 1, "handshake_timeout")].label == "t.conf:6")
    #expect(loaded.advice.isEmpty)
  }

  @Test("advice follows the flags") func adviceOnFlags() throws {
    let open = try LoadedConfiguration.builtIn().applying(listen: ["0.0.0.0:80"], logLevel: nil)
    #expect(
      open.advice.map(\.rendered) == [
        "--listen: advice: \"0.0.0.0:80\" can be reached from other machines, and any web site may"
          + " connect: no origins on \"/echo\", \"/broadcast\" and \"/room/{name}\""
      ])
    #expect(try open.applying(listen: ["127.0.0.1:80"], logLevel: nil).advice.isEmpty)
  }

  @Test("all mistakes in flags are reported, under their names") func badFlags() {
    do throws(ConfigurationErrors) {
      _ = try LoadedConfiguration.builtIn().applying(
        listen: ["nowhere", "*:1", "*:1"], logLevel: "debgu")
      Issue.record("these flags are wrong")
    } catch {
      #expect(
        error.rendered == """
          --log-level: error: expected "info" or "debug", got "debgu"; did you mean "debug"?
          --listen: error: bad value "nowhere": write "host:port", "[v6]:port", "*:port", \
          "unix:/path" or "systemd:NAME"
          --listen: error: bad value "*:1": this address is given twice

          """)
    }
  }
}
