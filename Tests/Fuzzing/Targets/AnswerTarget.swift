// A server's answer to our opening handshake, as wsrelay-bench reads it: whatever pieces it comes
// in, the verdict is the same, depends on no byte behind the limit, and grants only what was asked
// for.

import WebSocketProtocol

enum AnswerTarget {
  /// The example of RFC 6455 §1.2, so that the corpus can hold an answer that opens.
  private static let client = ClientHandshake(
    path: "/chat", host: "server.example.com", key: Array("the sample nonce".utf8),
    subprotocols: ["chat", "superchat"],
    extensions: [
      ExtensionOffer(
        name: "permessage-deflate", parameters: [.init("client_max_window_bits", "10")])
    ])

  private enum Verdict: Equatable {
    case needsMore
    case opened(AcceptedUpgrade, byteCount: Int)
    case failed(ClientHandshakeError)
  }

  static func check(_ input: inout FuzzInput) {
    var limits = HandshakeLimits()
    limits.maximumRequestByteCount = input.pick([8192, 64, 256, 1024])
    let bytes = input.rest()
    let verdict = receive(bytes, searched: 0, limits)
    let within = Array(bytes.prefix(limits.maximumRequestByteCount))
    expect(receive(within, searched: 0, limits) == verdict, "looked beyond the limit: \(verdict)")
    checkVerdict(verdict, bytes, limits)
    for count in bytes.indices {
      let progress = receive(Array(bytes[..<count]), searched: max(0, count - 1), limits)
      if progress != .needsMore {
        return expect(progress == verdict, "\(verdict) in one piece, \(progress) at \(count)")
      }
      let rest = receive(bytes, searched: count, limits)
      expect(rest == verdict, "\(verdict) in one piece, \(rest) cut at \(count)")
    }
  }

  private static func receive(
    _ bytes: [UInt8], searched: Int, _ limits: HandshakeLimits
  ) -> Verdict {
    bytes.inExactMemory { memory in
      do throws(ClientHandshakeError) {
        let answer = try client.receive(memory, searchedByteCount: searched, limits: limits)
        return answer.map { .opened($0.upgrade, byteCount: $0.byteCount) } ?? .needsMore
      } catch {
        return .failed(error)
      }
    }
  }

  private static func checkVerdict(
    _ verdict: Verdict, _ bytes: [UInt8], _ limits: HandshakeLimits
  ) {
    switch verdict {
    case .needsMore:
      expect(bytes.count < limits.maximumRequestByteCount, "waits for more than the limit")
    case .opened(let upgrade, let byteCount):
      expect(byteCount <= min(bytes.count, limits.maximumRequestByteCount), "head too long")
      expect(bytes[..<byteCount].suffix(4) == [13, 10, 13, 10], "head without its end")
      expect(
        upgrade.subprotocol.map(client.subprotocols.contains) ?? true,
        "the subprotocol \(upgrade.subprotocol ?? "")")
      let offered = Set(client.extensions.map(\.name))
      expect(upgrade.extensions.allSatisfy { offered.contains($0.name) }, "another extension")
    case .failed(.unexpectedStatus(let status)):
      expect((100...999).contains(status) && status != 101, "the status \(status)")
    case .failed: break
    }
  }
}
