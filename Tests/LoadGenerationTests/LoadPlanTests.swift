// What is asked for: URLs, header fields, who is on which thread, when messages are due.

import Testing
import WebSocketProtocol

@testable import LoadGeneration

@Suite("Load plan")
struct LoadPlanTests {
  @Test(
    "URLs",
    arguments: [
      ("ws://example.org", "example.org", 80, "/", "example.org"),
      ("ws://127.0.0.1:8080/echo?a=b", "127.0.0.1", 8080, "/echo?a=b", "127.0.0.1:8080"),
      ("WS://[::1]:9/x", "::1", 9, "/x", "[::1]:9"),
      ("ws://[::1]", "::1", 80, "/", "[::1]"),
      ("ws://h?q", "h", 80, "/?q", "h"),
    ])
  func urls(url: String, host: String, port: UInt16, path: String, field: String) throws {
    let target = try LoadTarget(url: url)
    #expect(target.host == host && target.port == port && target.path == path)
    #expect(target.hostField == field)
  }

  @Test(
    "no URLs",
    arguments: [
      ("127.0.0.1:8080/echo", "begins with ws:// or wss://"), ("wss:/h/", "not a URL"),
      ("http://h/", "scheme"), ("ws://", "no host"), ("ws://h:0/", "port"), ("ws://h:x/", "port"),
      ("ws://h:65536/", "port"), ("ws://u@h/", "--header"), ("ws://h/#x", "fragment"),
      ("ws://h/a b", "percent"), ("ws://h/\r\nX: y", "percent"), ("ws://h\r\n", "no host"),
    ])
  func noURLs(url: String, words: String) throws {
    let error = #expect(throws: TargetError.self) { try LoadTarget(url: url) }
    #expect(error?.description.contains(words) == true, "\(String(describing: error))")
  }

  @Test("header fields")
  func headerFields() {
    #expect(
      LoadPlan.headerField("Origin: https://a") == HeaderField("Origin", "https://a"))
    for text in ["", "Origin", ": x", "a b: c", "X: a\r\nY: b", "X: \u{0}"] {
      #expect(LoadPlan.headerField(text) == nil, "\(text.debugDescription)")
    }
  }

  @Test("every connection is on one thread, publishers are on the first")
  func threads() throws {
    var plan = LoadPlan(.broadcast, try LoadTarget(url: "ws://h"))
    plan.publisherCount = 3
    plan.connectionCount = 20
    plan.threadCount = 4
    let shares = (0..<4).map { plan.connections(ofThread: $0) }
    #expect(shares[0].prefix(3) == [0, 1, 2])
    #expect(shares.flatMap { $0 }.sorted() == Array(0..<20))
    #expect(shares.allSatisfy { $0.count >= 4 })
  }

  @Test("messages of all threads together keep the rate")
  func pace() {
    var times: [UInt64] = []
    for thread in 0..<3 {
      var pace = Pace(rate: 3000, threadCount: 3, thread: thread, linkCount: 2)
      #expect(pace.takeDue(.max / 2) == nil, "due before it began")
      pace.begin(1_000_000)
      var slots: [Int] = []
      while let next = pace.next, let slot = pace.takeDue(10_000_000) {
        times.append(next)
        slots.append(slot)
        #expect(pace.due((slots.count - 1) / 2, slot) == next)
      }
      #expect(Array(slots.prefix(4)) == [0, 1, 0, 1])
    }
    times.sort()
    #expect(times.count == 28)
    for (earlier, later) in zip(times, times.dropFirst()) {
      #expect((333_332...333_334).contains(later - earlier))
    }
  }
}
