// The header of the PROXY protocol: a verdict falls once and holds whatever follows.

import RelayCore
import WebSocketProtocol

enum ProxyTarget {
  static func check(_ input: inout FuzzInput) {
    let bytes = input.rest()
    let verdict = bytes.inExactMemory { ProxyHeader.read($0) }
    var decided = verdict == .incomplete ? nil : bytes.count
    if case .complete(let source, let byteCount) = verdict {
      expect(byteCount <= bytes.count, "a header of \(byteCount) in \(bytes.count) bytes")
      if let source {
        expect(PeerAddress(bytes: source.address, port: source.port) != nil, "\(source)")
      }
      decided = byteCount
    }
    for count in bytes.indices {
      let earlier = Array(bytes[..<count]).inExactMemory { ProxyHeader.read($0) }
      if earlier == .incomplete {
        expect(count < decided ?? .max, "incomplete at \(count), \(verdict) in all")
      } else {
        expect(earlier == verdict, "\(earlier) at \(count), \(verdict) in all")
      }
    }
  }
}
