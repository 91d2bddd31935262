// Connections that say nothing; Pings are answered, as everywhere, and what servers say by
// themselves is their business.

/// One thread's part of `idle`.
struct IdleScenario: LoadScenario {
  var unansweredCount: Int { 0 }

  mutating func begin(_ links: inout Links) {}

  mutating func next(for link: LinkPointer, _ links: inout Links) -> UnsafeRawBufferPointer? { nil }

  mutating func received(
    _ payload: UnsafeRawBufferPointer, firstByte: UInt8, on link: LinkPointer,
    _ links: inout Links
  ) {}
}
