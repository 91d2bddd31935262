// Whole lives of connections, one after the other: open, one message and its reply, a closing
// handshake, the server's end of TCP.

import WebSocketProtocol

/// One thread's part of `churn`.
struct ChurnScenario: LoadScenario, ~Copyable {
  private let pool: MessagePool
  private(set) var unansweredCount = 0

  init(_ plan: LoadPlan) {
    pool = MessagePool(plan.messages, isText: plan.isText, compresses: plan.offersDeflate)
  }

  mutating func begin(_ links: inout Links) {
    for slot in links.all.indices { links.makeReady(links.link(slot)) }
  }

  mutating func next(for link: LinkPointer, _ links: inout Links) -> UnsafeRawBufferPointer? {
    guard link.pointee.sentCount == 0, links.isLoading else { return nil }
    link.pointee.sentCount = 1
    unansweredCount += 1
    return pool.frames(from: link.pointee.number % pool.count, limit: 1).bytes
  }

  mutating func received(
    _ payload: UnsafeRawBufferPointer, firstByte: UInt8, on link: LinkPointer,
    _ links: inout Links
  ) {
    guard link.pointee.sentCount == 1, link.pointee.answeredCount == 0 else {
      links.note(.order, link, "a message that answers none")
      return
    }
    link.pointee.answeredCount = 1
    let expected = pool.payload(link.pointee.number % pool.count)
    if firstByte != pool.firstByte || !payload.hasBytes(of: expected) {
      let ours = pool.firstByte
      links.note(
        .content, link, "reply: \(Difference(payload, firstByte, from: expected, ours))")
    }
    links.close(link, .normalClosure)
  }

  mutating func ended(_ link: LinkPointer, _ links: inout Links) -> Bool {
    if link.pointee.answeredCount == 1 {
      unansweredCount -= 1
      let code = link.pointee.connection.codeReceived
      if code != .normalClosure {
        links.note(.closed, link, "Close 1000 was answered with \(code?.rawValue ?? 1005)")
      }
      let payload = pool.payload(link.pointee.number % pool.count)
      links.count(1, payloadByteCount: payload.count, since: link.pointee.beginning)
    }
    return links.stage < .draining
  }
}
