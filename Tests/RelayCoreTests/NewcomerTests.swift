// Who is served with those who stay: a few newcomers from the first, the others once they are open.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Newcomers")
struct NewcomerTests {
  /// As many newcomers as may come forward, and the one after them.
  private static func crowd(_ driver: CoreDriver) -> (forward: [CorePeer], behind: CorePeer) {
    let forward = (0..<Limits.maximumForwardCount).map { _ in driver.accept() }
    return (forward, driver.accept())
  }

  @Test("A few are served with those who stay, the others behind them until they are open")
  func few() {
    let driver = CoreDriver(Route.builtIn)
    let (forward, behind) = Self.crowd(driver)
    #expect(!forward.contains { $0.socket.isNewcomer })
    #expect(behind.socket.isNewcomer)
    behind.send(CoreDriver.request("/echo"))
    #expect(behind.head.contains(" 101 ") && !behind.socket.isNewcomer)
    // It took nobody's place.
    #expect(driver.accept().socket.isNewcomer)
    driver.stop()
    #expect(driver.shard.forwardCount == 0)
    #expect(driver.leftovers == [])
  }

  @Test(
    "Whoever opens, goes or is refused makes room for the next",
    arguments: [
      { $0.send(CoreDriver.request("/echo")) }, { $0.end() }, { $0.reset() },
      {
        $0.send(CoreDriver.request("/nowhere"))
        $0.end()
      },
    ] as [@Sendable (CorePeer) -> Void])
  func room(leave: @Sendable (CorePeer) -> Void) {
    let driver = CoreDriver(Route.builtIn)
    let (forward, _) = Self.crowd(driver)
    leave(forward[0])
    #expect(!driver.accept().socket.isNewcomer)
    #expect(driver.accept().socket.isNewcomer)
    for peer in driver.peers where !peer.socket.isClosed { peer.end() }
    #expect(driver.shard.forwardCount == 0)
    #expect(driver.leftovers == [])
  }

  @Test("A TLS handshake takes longer than there is time for in front")
  func secure() {
    let driver = CoreDriver(Route.builtIn)
    #expect(driver.accept(behindTLS: true).socket.isNewcomer)
    #expect(driver.shard.forwardCount == 0)
    driver.stop()
    #expect(driver.leftovers == [])
  }
}
