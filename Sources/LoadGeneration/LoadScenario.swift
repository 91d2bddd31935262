// What a kind of load does with its connections. The worker moves bytes; a scenario says which, and
// judges what comes back. Specialised at compile time: nothing here is looked up at run time.

import WebSocketProtocol

/// One thread's part of a kind of load.
protocol LoadScenario: ~Copyable {
  /// Whether what a connection received may have it send at once, not only at the end of the turn.
  static var answersAtOnce: Bool { get }

  /// All connections of the run are open: what may be sent at once is made ready.
  mutating func begin(_ links: inout Links)

  /// The next bytes for a connection that has sent what it had, until the next call for it theirs;
  /// nil: nothing now.
  mutating func next(for link: LinkPointer, _ links: inout Links) -> UnsafeRawBufferPointer?

  /// Takes bytes off the front of what was received, as long as they are the replies that were
  /// expected, whole or not. What is not taken is looked at more closely, what `returnReply` gives
  /// before it.
  mutating func takeReplies(
    _ bytes: inout ReceivedBytes, on link: LinkPointer, _ links: inout Links)

  /// The part of a reply that was taken; it counts as not taken any more. nil: there is none.
  mutating func returnReply(_ link: LinkPointer) -> ReceivedBytes?

  /// A whole message came.
  mutating func received(
    _ payload: UnsafeRawBufferPointer, firstByte: UInt8, on link: LinkPointer,
    _ links: inout Links)

  /// Makes ready what is due; returns when something is next, in nanoseconds, if time alone says
  /// so.
  mutating func endTurn(_ links: inout Links) -> UInt64?

  /// A connection has ended as it should; true: it is to be opened again.
  mutating func ended(_ link: LinkPointer, _ links: inout Links) -> Bool

  /// What was sent and has not been answered yet.
  var unansweredCount: Int { get }
}

extension LoadScenario where Self: ~Copyable {
  static var answersAtOnce: Bool { true }

  @inline(__always)
  mutating func takeReplies(
    _ bytes: inout ReceivedBytes, on link: LinkPointer, _ links: inout Links
  ) {}

  mutating func returnReply(_ link: LinkPointer) -> ReceivedBytes? { nil }

  mutating func endTurn(_ links: inout Links) -> UInt64? { nil }

  mutating func ended(_ link: LinkPointer, _ links: inout Links) -> Bool { false }
}
