// The opening handshake: whatever pieces a request comes in, the answer is the same, and it depends
// on no byte behind the limit.

import WebSocketProtocol

enum HandshakeTarget {
  static func check(_ input: inout FuzzInput) {
    var limits = HandshakeLimits()
    limits.maximumRequestByteCount = input.pick([8192, 64, 256, 1024])
    let bytes = input.rest()
    let verdict = receive(bytes, searched: 0, limits)
    let within = Array(bytes.prefix(limits.maximumRequestByteCount))
    expect(receive(within, searched: 0, limits) == verdict, "looked beyond the limit: \(verdict)")
    checkVerdict(verdict, bytes, limits)
    // Byte by byte, as the slowest of peers sends it.
    for count in bytes.indices {
      let progress = receive(Array(bytes[..<count]), searched: max(0, count - 1), limits)
      if progress == .incomplete {
        checkSplit(verdict, receive(bytes, searched: count, limits), at: count)
      } else {
        // Until more comes, the beginning of a binary PROXY header is nothing but empty lines.
        if bytes[..<count].elementsEqual([13, 10, 13, 10]) { return }
        checkSplit(verdict, progress, at: count)
        return
      }
    }
  }

  private static func receive(
    _ bytes: [UInt8], searched: Int, _ limits: HandshakeLimits
  ) -> HandshakeProgress {
    bytes.inExactMemory {
      OpeningHandshake.receive($0, searchedByteCount: searched, limits: limits)
    }
  }

  private static func checkVerdict(
    _ verdict: HandshakeProgress, _ bytes: [UInt8], _ limits: HandshakeLimits
  ) {
    switch verdict {
    case .incomplete:
      expect(bytes.count < limits.maximumRequestByteCount, "waits for more than the limit")
    case .request(let request, let byteCount):
      expect(byteCount <= min(bytes.count, limits.maximumRequestByteCount), "head too long")
      expect(bytes[..<byteCount].suffix(4) == [13, 10, 13, 10], "head without its end")
      // What routes are matched with.
      let path = request.path.utf8
      expect(path.first == UInt8(ascii: "/"), "the path \(request.path)")
      expect(path.allSatisfy { (0x21...0x7E).contains($0) }, "the path \(request.path)")
      OpeningHandshake.withResponse(to: request, subprotocol: nil, extensions: nil) {
        checkAnswer(Array($0))
      }
    case .refused(let refusal):
      expect((400...599).contains(refusal.status), "refused with \(refusal.status)")
      checkAnswer(refusal.response())
    }
  }

  /// Nothing of the request must break the lines of the answer.
  private static func checkAnswer(_ answer: [UInt8]) {
    let breaks = zip(answer, answer.dropFirst()).count { $0 == 13 || $1 == 10 && $0 != 13 }
    let ends = zip(answer, answer.dropFirst()).count { $0 == 13 && $1 == 10 }
    expect(answer.starts(with: Array("HTTP/1.1 ".utf8)), "no HTTP answer")
    expect(breaks - ends <= 1, "a stray line break in the answer")
  }

  private static func checkSplit(
    _ whole: HandshakeProgress, _ split: HandshakeProgress, at count: Int
  ) {
    switch (whole, split) {
    case (.incomplete, .incomplete): break
    case (.request, .request): expect(whole == split, "another request at \(count): \(split)")
    case (.refused(let one), .refused(let other)):
      // What is recorded of a path may be shorter, for less of it had come.
      expect(
        one.status == other.status && one.rule == other.rule,
        "\(one) in one piece, \(other) at \(count)")
    default: fatalError("\(whole) in one piece, \(split) at \(count)")
    }
  }
}
