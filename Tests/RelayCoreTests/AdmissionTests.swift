// Who is let in, and what those who are may send.

import RelayTestSupport
import Testing

@testable import RelayCore

@Suite("Admission and limits")
struct AdmissionTests {
  private static func route(_ change: (inout Route) -> Void) -> Route {
    var route = Route(pattern: RoutePattern(literal: "/r"), mode: .echo)
    change(&route)
    return route
  }

  /// Insists on one refusal and nothing else.
  private static func expectRefusal(_ driver: CoreDriver, _ peer: CorePeer, _ status: Int) {
    #expect(peer.head.hasPrefix("HTTP/1.1 \(status) "))
    #expect(peer.socket.hasEndedSending && !peer.socket.isClosed)
    peer.send(.text("after the refusal"))
    peer.end()
    #expect(driver.recording.refused.last?.status == status)
  }

  @Test("Paths, origins, subprotocols")
  func refusals() {
    let driver = CoreDriver([
      Self.route {
        $0.origins = ["https://example.org"]
        $0.subprotocols = ["chat.v2", "chat.v1"]
      }
    ])
    let good = ["Origin: https://example.org", "Sec-WebSocket-Protocol: chat.v1, chat.v2"]
    Self.expectRefusal(driver, driver.connect("/nowhere?secret=1", good), 404)
    #expect(driver.recording.refused.last?.path == "/nowhere")
    Self.expectRefusal(driver, driver.connect("/r", [good[1]]), 403)
    Self.expectRefusal(
      driver, driver.connect("/r", ["Origin: https://evil-example.org", good[1]]), 403)
    #expect(driver.recording.refused.last?.origin == "https://evil-example.org")
    Self.expectRefusal(driver, driver.connect("/r", [good[0]]), 400)
    Self.expectRefusal(driver, driver.connect("/r", [good[0], "Sec-WebSocket-Protocol: x"]), 400)
    let peer = driver.accept()
    peer.send(Array("POST /r HTTP/1.1\r\n\r\n".utf8))
    Self.expectRefusal(driver, peer, 405)
    driver.shard.recordsOpened = true
    let admitted = driver.connect("/r?q", good)
    #expect(admitted.head.contains("Sec-WebSocket-Protocol: chat.v2\r\n"))
    #expect(driver.recording.opened.map(\.subprotocol) == ["chat.v2"])
    #expect(driver.recording.opened.map(\.path) == ["/r?q"])
    driver.stop()
    #expect(driver.recording.closed.map(\.origin) == ["https://example.org"])
    #expect(driver.leftovers == [])
  }

  @Test("Full: in all, on a route, and free again")
  func full() {
    var limits = Limits()
    limits.maximumConnectionCount = 2
    let routes = [
      Self.route { $0.maximumConnectionCount = 1 },
      Route(pattern: RoutePattern(literal: "/other"), mode: .echo),
    ]
    let driver = CoreDriver(routes, limits: limits)
    let first = driver.connect("/r")
    Self.expectRefusal(driver, driver.connect("/r"), 503)
    let second = driver.connect("/other")
    let third = driver.connect("/other")
    #expect(third.head.contains("Retry-After: 5\r\n"))
    Self.expectRefusal(driver, third, 503)
    first.end()
    let next = driver.connect("/r")
    #expect(next.head.hasPrefix("HTTP/1.1 101 "))
    second.end()
    next.reset()
    #expect(driver.leftovers == [])
    #expect(driver.shard.shared.open.count == 0)
    #expect(driver.shard.occupancies.allSatisfy { $0.count == 0 })
  }

  @Test("A refused peer that stays is reset after two seconds")
  func refusedLinger() {
    let driver = CoreDriver([])
    let peer = driver.connect("/r")
    driver.advance(.milliseconds(1990))
    #expect(!peer.socket.isClosed)
    driver.advance(.milliseconds(80))
    #expect(peer.socket.isReset && driver.leftovers == [])
  }

  @Test("A refusal that does not fit is sent when there is room")
  func waitingRefusal() {
    let driver = CoreDriver([])
    let peer = driver.accept()
    peer.socket.room = 10
    peer.send(CoreDriver.request("/r"))
    #expect(!peer.socket.hasEndedSending)
    peer.read()
    #expect(peer.socket.hasEndedSending)
    #expect(String(decoding: peer.socket.sent, as: UTF8.self).hasSuffix("no route for this path\n"))
    peer.end()
    #expect(driver.leftovers == [])
  }

  @Test("Kinds of message", arguments: AcceptedKind.allCases)
  func kinds(accepted: AcceptedKind) {
    for (kind, frame) in [(AcceptedKind.text, CoreFrame.text("a")), (.binary, .binary([1]))] {
      for fragmented in [false, true] {
        let driver = CoreDriver([Self.route { $0.accepts = accepted }])
        let peer = driver.connect("/r")
        let bytes =
          fragmented
          ? [CoreFrame(frame.opcode), CoreFrame(0x80, frame.payload)].masked : frame.masked()
        peer.send(bytes)
        let isAccepted = accepted == .any || accepted == kind
        #expect(peer.messages == (isAccepted ? [frame] : []))
        #expect(peer.closeCode == (isAccepted ? nil : 1003))
        driver.stop()
        #expect(driver.recording.closed[0].cause == (isAccepted ? .drain : .unsupportedData))
        #expect(driver.leftovers == [])
      }
    }
  }

  @Test(
    "The size of a message, whole, in fragments and large", arguments: [0, 1, 100, 70_000, 200_000])
  func size(maximum: Int) {
    let limit = max(maximum, 1)
    let payload = Array(repeating: 1, count: limit) as [UInt8]
    let cut = limit / 2
    let fits: [[CoreFrame]] = [
      [.binary(payload)],
      [CoreFrame(0x02, Array(payload[..<cut])), CoreFrame(0x80, Array(payload[cut...]))],
    ]
    let tooBig: [[CoreFrame]] = [
      [.binary(payload + [1])],
      [CoreFrame(0x02, Array(payload[..<cut])), CoreFrame(0x80, Array(payload[cut...]) + [1])],
      [CoreFrame(0x02, payload), CoreFrame(0x00, [1])],
    ]
    for (frames, isTooBig) in fits.map({ ($0, false) }) + tooBig.map({ ($0, true) }) {
      let driver = CoreDriver([Self.route { $0.maximumMessageByteCount = limit }])
      let peer = driver.connect("/r")
      peer.send(frames.masked)
      #expect(peer.closeCode == (isTooBig ? 1009 : nil))
      #expect(peer.messages == (isTooBig ? [] : [.binary(payload)]))
      // What follows a message that is too big is skipped, and its Close is found.
      peer.send(CoreFrame.close(1000).masked())
      peer.end()
      #expect(driver.recording.closed[0].isClean)
      if isTooBig {
        #expect(driver.recording.closed[0].detail == "max_message_size=\(limit) got=\(limit + 1)")
      }
      #expect(driver.leftovers == [])
    }
  }

  @Test("Rate: a burst of one second, then steadily", arguments: [1, 3, 10, 1000])
  func rate(perSecond: Int) {
    let route = Self.route {
      $0.maximumMessageRate = perSecond
      $0.pingInterval = .zero
    }
    let driver = CoreDriver([route])
    let peer = driver.connect("/r")
    peer.send((0..<perSecond).map { CoreFrame.text("\($0)") }.masked)
    #expect(peer.texts.count == perSecond)
    for _ in 0..<(3 * min(perSecond, 20)) {
      driver.advance(.microseconds(1_000_000 / perSecond + 1))
      peer.send(.text("steady"))
    }
    #expect(peer.closeCode == nil)
    driver.advance(.seconds(60))
    peer.send((0...perSecond).map { CoreFrame.text("\($0)") }.masked)
    #expect(peer.closeCode == 1008)
    #expect(peer.texts.last == "\(perSecond - 1)")
    peer.send(.close(1008))
    peer.end()
    #expect(driver.recording.closed.map(\.cause) == [.rateLimit])
    #expect(driver.recording.closed[0].detail == "max_message_rate=\(perSecond)")
    #expect(driver.leftovers == [])
  }
}
