// The keys of frames and handshakes are random, and the handshake's are sixteen bytes.

import Testing

@testable import LoadGeneration

@Suite("Keys")
struct KeyGeneratorTests {
  @Test func noTwoAreAlike() {
    var (one, other) = (KeyGenerator(), KeyGenerator())
    var handshakeKeys: Set<[UInt8]> = []
    for _ in 0..<1000 {
      handshakeKeys.insert(one.handshakeKey())
      handshakeKeys.insert(other.handshakeKey())
    }
    #expect(handshakeKeys.count == 2000)
    #expect(handshakeKeys.allSatisfy { $0.count == 16 })
  }

  /// Of a thousand out of 2³², two are the same once in 8,600 times; five never.
  @Test func maskingKeysHaveAllTheirBits() {
    var keys = KeyGenerator()
    let some = (0..<1000).map { _ in keys.maskingKey() }
    #expect(Set(some).count > 995)
    for bit in 0..<32 {
      let count = some.count { $0 >> bit & 1 == 1 }
      #expect((350...650).contains(count), "bit \(bit) is set in \(count) of 1000")
    }
  }
}
