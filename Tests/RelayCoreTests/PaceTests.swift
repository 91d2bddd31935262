// How much is received at a time: little from a peer that fills the buffer with very many frames.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Pace of receiving")
struct PaceTests {
  private static let smallest = 1 << Int(Limits.smallestReceiveShift)
  private static let largest = Limits.receiveBufferByteCount
  private static let largestOfMember = 1 << Int(Limits.largestBroadcastReceiveShift)

  private static func space(_ driver: CoreDriver, _ peer: CorePeer) throws -> Int {
    driver.shard.receiveSpace(try #require(peer.session)).count
  }

  private static func fragments(_ count: Int) -> [UInt8] {
    [CoreFrame(0x02, [1])].masked + Array(repeating: CoreFrame(0x00, [2]), count: count).masked
  }

  @Test("Floods of small frames are read in small pieces, large ones again in large pieces")
  func floods() throws {
    let floods: [(String, [UInt8])] = [
      ("/echo", Array(repeating: CoreFrame.binary([1]), count: 100_000).masked),
      ("/b", Array(repeating: CoreFrame.binary([1]), count: 100_000).masked),
      ("/echo", Array(repeating: CoreFrame.ping(), count: 100_000).masked),
      ("/echo", Self.fragments(100_000)),
    ]
    for (path, bytes) in floods {
      let driver = CoreDriver([
        Route(pattern: RoutePattern(literal: "/b"), mode: .broadcast),
        Route(pattern: RoutePattern(literal: "/echo"), mode: .echo),
      ])
      let peer = driver.connect(path)
      let largest = path == "/b" ? Self.largestOfMember : Self.largest
      #expect(try Self.space(driver, peer) == largest)
      peer.send(bytes)
      #expect(try Self.space(driver, peer) == Self.smallest)
      if bytes[0] == 0x82 {
        peer.send(Array(repeating: .binary(Array(repeating: 7, count: 16_384)), count: 100).masked)
        #expect(try Self.space(driver, peer) == largest)
      }
      driver.stop()
      #expect(driver.leftovers == [])
    }
  }

  @Test("A busy peer that does not fill the buffer is left alone")
  func busy() throws {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    for _ in 0..<50 {
      peer.send(Array(repeating: CoreFrame.text("0123456789"), count: 500).masked)
    }
    #expect(try Self.space(driver, peer) == Self.largest)
    driver.stop()
    #expect(driver.leftovers == [])
  }

  @Test("A large message that has begun can be received further at once, unless it is not read")
  func restOfALargeMessage() throws {
    let driver = CoreDriver(Route.builtIn)
    let peer = driver.connect("/echo")
    let session = try #require(peer.session)
    func rest() -> Int? { driver.shard.receiveSpaceOfMessage(session)?.count }
    #expect(rest() == nil)
    let bytes = [CoreFrame.binary(Array(repeating: 7, count: 300_000))].masked
    peer.send(Array(bytes[..<200_000]))
    #expect(rest() == bytes.count - 200_000)
    session.pointee.interest = .writing
    #expect(rest() == nil)
    session.pointee.interest = .reading
    peer.send(Array(bytes[200_000..<250_000]))
    // Little enough for the buffer of all.
    #expect(rest() == nil)
    peer.send(Array(bytes[250_000...]))
    #expect(rest() == nil && peer.messages.count == 1)
    driver.stop()
    #expect(driver.leftovers == [])
  }
}
