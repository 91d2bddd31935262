// The engine on real sockets of the loopback. All suites stand below one that is serialized: they
// use many descriptors and measure times. What counts descriptors or exhausts them runs in a
// process of its own.

import Testing

/// Everything with an engine in it.
@Suite("Engine", .serialized)
struct EngineTests {}
