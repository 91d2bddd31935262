// Waiting for events with deadlines, and threads to do it in.

import CLinux
import Glibc
import RelayCore
import Synchronization
import Testing

@testable import RelayEngine

enum Wait {
  /// Waits until a descriptor is readable; false: it was not in time.
  static func readable(_ descriptor: Int32, within patience: Duration) -> Bool {
    let deadline = MonotonicClock.now() + patience.wholeMicroseconds
    while true {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let rest = max(0, deadline - MonotonicClock.now())
      let count = poll(&entry, 1, Int32(clamping: (rest + 999) / 1000))
      if count > 0 { return true }
      if rest == 0 { return false }
    }
  }

  /// Asks again and again until something holds that sends no event, giving the processor away in
  /// between; false: it did not in time.
  static func until(_ patience: Duration = .seconds(20), _ condition: () -> Bool) -> Bool {
    let deadline = MonotonicClock.now() + patience.wholeMicroseconds
    while !condition() {
      if MonotonicClock.now() > deadline { return false }
      poll(nil, 0, 1)
    }
    return true
  }
}

/// Runs a body in several threads at once and waits for all of them; throws the first error.
func inThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  final class Work: Sendable {
    let body: @Sendable (Int) throws -> Void
    let next = Atomic<Int>(0)
    let error = Mutex<(any Error)?>(nil)

    init(_ body: @escaping @Sendable (Int) throws -> Void) { self.body = body }

    func run() {
      let index = next.add(1, ordering: .relaxed).oldValue
      do { try body(index) } catch { self.error.withLock { $0 = $0 ?? error } }
    }
  }
  let work = Work(body)
  var threads: [pthread_t] = []
  for _ in 0..<count {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(work)
    let result = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, argument.toOpaque())
    try #require(result == 0, "pthread_create")
    threads.append(thread)
  }
  for thread in threads { pthread_join(thread, nil) }
  if let error = work.error.withLock({ $0 }) { throw error }
}
