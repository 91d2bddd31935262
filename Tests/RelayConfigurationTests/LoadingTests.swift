// What a file amounts to as a whole: absent sections, [defaults], and which file it is.

import RelayCore
import Testing

@testable import RelayConfiguration

@Suite("Loading")
struct LoadingTests {
  @Test(
    "an empty file is the same as none", arguments: ["", "\n", "# nothing\n", "[log]\n[defaults]"])
  func empty(text: String) throws {
    #expect(try load(text).configuration == .builtIn)
    #expect(LoadedConfiguration.builtIn().configuration == .builtIn)
    #expect(LoadedConfiguration.builtIn(descriptorLimit: 1).advice.isEmpty)
  }

  @Test("without [[route]] the built-in routes take the defaults of the file")
  func defaultsOnBuiltInRoutes() throws {
    let loaded = try load("[defaults]\nidle_timeout = \"1m\"\ninclude_sender = true\n")
    #expect(loaded.configuration.routes.map(\.pattern) == Route.builtIn.map(\.pattern))
    #expect(loaded.configuration.routes.allSatisfy { $0.idleTimeout == .seconds(60) })
    #expect(loaded.configuration.routes.map(\.includesSender) == [false, true, true])
    #expect(loaded.configuration.listeners == Configuration.builtIn.listeners)
  }

  @Test("a route overrides the defaults, wherever they stand") func overriding() throws {
    let loaded = try load(
      """
      [[route]]
      path = "/a"
      mode = "echo"
      ping_interval = "10s"
      [[route]]
      path = "/b"
      mode = "echo"
      [defaults]
      ping_interval = "20s"
      """)
    #expect(loaded.configuration.routes.map(\.pingInterval) == [.seconds(10), .seconds(20)])
    let places = [0, 1].map { loaded.origins[KeyPlace(.route, $0, "ping_interval")].label }
    #expect(places == ["t.conf:4", "[defaults] t.conf:9"])
  }

  @Test("inline tables and dotted keys are sections too") func otherSpellings() throws {
    let loaded = try load(
      "log.level = \"debug\"\nlisten = [{ address = \"*:1\" }]\n[[route]]\npath=\"/\"\nmode='echo'")
    #expect(loaded.configuration.log.level == .debug)
    #expect(loaded.configuration.listeners.map(\.address) == [.tcp(host: "*", port: 1)])
  }

  @Test("ping_timeout without ping_interval is no mistake") func pingTimeoutAlone() {
    #expect(
      diagnostics(
        "[defaults]\nping_interval = \"0s\"\nidle_timeout = \"50s\"\nping_timeout = \"1s\""
      )
      .isEmpty)
  }

  @Test("two listeners may leave their ports to the system") func anyPort() throws {
    let listen = "[[listen]]\naddress = \"127.0.0.1:0\"\n"
    #expect(try load(listen + listen).configuration.listeners.count == 2)
  }

  @Test("flag, environment, default: who names the file") func location() {
    let environment = ["WSRELAY_CONFIG": "/e"]
    let byFlag = ConfigurationLocation(flag: "/f", environment: environment)
    #expect((byFlag.path, byFlag.naming, byFlag.mustExist) == ("/f", .flag, true))
    let named = ConfigurationLocation(flag: nil, environment: environment)
    #expect((named.path, named.naming, named.mustExist) == ("/e", .environment, true))
    for environment in [[:], ["WSRELAY_CONFIG": ""]] {
      let standard = ConfigurationLocation(flag: nil, environment: environment)
      #expect(standard.path == "/etc/wsrelay.conf" && !standard.mustExist)
    }
  }

  @Test("a file that cannot be read is an error like others") func unreadable() {
    let errors = ConfigurationErrors.unreadable(file: "/x", reason: "Permission denied")
    #expect(errors.rendered == "/x: error: cannot be read: Permission denied\n")
  }
}
