// What a reload says it changed.

import RelayConfiguration
import RelayCore
import Testing

@testable import RelayDaemon

@Suite("ReloadChanges")
struct ReloadChangesTests {
  private func text(_ change: (inout Configuration) -> Void) -> String {
    var new = Configuration.builtIn
    change(&new)
    return ReloadChanges(from: .builtIn, to: new).text
  }

  @Test("Nothing changed, or nothing that has a name")
  func unchanged() {
    #expect(text { _ in } == "nothing changed")
    #expect(text { $0.drain.grace = .seconds(1) } == "[drain] changed")
  }

  @Test("Routes that came, went or changed are named")
  func routes() {
    let other = Route(pattern: RoutePattern(literal: "/other"), mode: .echo)
    #expect(text { $0.routes.append(other) } == "route /other added")
    #expect(text { $0.routes.removeLast() } == "route /room/{name} removed")
    #expect(text { $0.routes[0].includesSender = true } == "route /echo changed")
  }

  @Test("Listeners that came or went are named, and what takes a restart")
  func listeners() {
    let address = ListenAddress.unix(path: "/run/relay")
    #expect(
      text { $0.listeners = [Configuration.Listener(address: address)] }
        == "listening on unix:/run/relay, left 127.0.0.1:8080")
    #expect(text { $0.threadCount = 3 } == "threads needs a restart")
    #expect(text { $0.pollsBusily = true } == "busy_poll needs a restart")
    #expect(
      text { $0.listeners[0].handshakeTimeout = .seconds(1) } == "listener 127.0.0.1:8080 changed")
  }
}
