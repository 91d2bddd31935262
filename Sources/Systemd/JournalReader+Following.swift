// Waiting for entries that are yet to come. `sd_journal_wait` begins again when a signal arrives,
// and nobody could end it; so the reader's descriptor is polled here together with the caller's.

import CSystemd
import Glibc

extension JournalReader {
  /// What a wait has seen.
  package enum Change: Sendable, Equatable {
    /// Nothing before the time was up.
    case nothing
    /// Entries may have been added: `next` tells.
    case appended
    /// Files came or went, as when the journal is rotated. The position is kept.
    case filesChanged
    /// One of the caller's descriptors is readable, or its other end is gone.
    case interrupted
  }

  /// Has the reader look for changes from now on; entries written later end the first `wait`.
  package mutating func beginFollowing() throws(SystemdError) {
    isFollowing = true
    try SystemdError.check(sd_journal_get_fd(journal), call: "sd_journal_get_fd")
  }

  /// Waits until the journal changes, a descriptor of the caller's has something to say, or
  /// `timeout` is over; nil waits for ever.
  package mutating func wait(
    timeout: Duration? = nil, interruptedBy descriptors: [Int32] = [],
    orHangUpOf output: Int32? = nil
  ) throws(SystemdError) -> Change {
    let own = try SystemdError.check(sd_journal_get_fd(journal), call: "sd_journal_get_fd")
    let events = try SystemdError.check(
      sd_journal_get_events(journal), call: "sd_journal_get_events")
    var polled = [pollfd(fd: own, events: Int16(truncatingIfNeeded: events), revents: 0)]
    polled += descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // Without events, poll still tells that the other end of a pipe is gone.
    if let output { polled.append(pollfd(fd: output, events: 0, revents: 0)) }
    let end = timeout.map { ContinuousClock.now + $0 }
    while true {
      let milliseconds = try pollTime(until: end)
      let count = poll(&polled, nfds_t(polled.count), milliseconds)
      if count < 0 && errno != EINTR { throw SystemdError(call: "poll", errorNumber: errno) }
      if count > 0 && polled.dropFirst().contains(where: { $0.revents != 0 }) {
        return .interrupted
      }
      // Also when nothing came: files on a network, and a lost event, are noticed by looking.
      let result = sd_journal_process(journal)
      switch try SystemdError.check(result, call: "sd_journal_process") {
      case Int32(SD_JOURNAL_APPEND): return .appended
      case Int32(SD_JOURNAL_INVALIDATE): return .filesChanged
      default: if let end, ContinuousClock.now >= end { return .nothing }
      }
    }
  }

  /// How long poll may sleep: until `end`, but no longer than libsystemd allows.
  private func pollTime(until end: ContinuousClock.Instant?) throws(SystemdError) -> Int32 {
    var wanted: UInt64 = 0
    let result = sd_journal_get_timeout(journal, &wanted)
    try SystemdError.check(result, call: "sd_journal_get_timeout")
    var milliseconds: UInt64? = nil
    if wanted != .max {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      let time = UInt64(now.tv_sec) * 1_000_000 + UInt64(now.tv_nsec) / 1000
      milliseconds = wanted > time ? (wanted - time) / 1000 + 1 : 0
    }
    if let end {
      // Rounded up: rounding down would spin through the last millisecond.
      let rest = max(end - ContinuousClock.now, .zero) / .milliseconds(1) + 1
      milliseconds = min(milliseconds ?? .max, UInt64(min(rest, Double(Int32.max))))
    }
    return milliseconds.map { Int32(clamping: $0) } ?? -1
  }
}
