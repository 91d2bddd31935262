// What a server on this machine costs: CPU time by the clock that the kernel keeps for every
// process, memory by /proc. Both are of the whole process, all its threads.

import Glibc

/// A process that is watched from outside.
package struct ServerMeter: Sendable {
  /// What a process has used, and holds.
  package struct Reading: Sendable, Equatable {
    /// CPU time of all threads, ended ones too, in nanoseconds.
    package var cpu: UInt64
    /// Resident memory, in bytes.
    package var residentByteCount: Int
  }

  private let process: Int32
  private let clock: clockid_t

  /// nil: there is no such process, or it may not be watched.
  package init?(process: Int32) {
    var clock = clockid_t()
    guard process > 0, clock_getcpuclockid(process, &clock) == 0 else { return nil }
    self.process = process
    self.clock = clock
    if read() == nil { return nil }
  }

  /// The state of the process; nil: it has ended.
  package func read() -> Reading? {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0, let pages = residentPageCount() else { return nil }
    return Reading(
      cpu: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec),
      residentByteCount: pages * sysconf(Int32(_SC_PAGESIZE)))
  }

  /// The second number of /proc/PID/statm.
  private func residentPageCount() -> Int? {
    guard let file = fopen("/proc/\(process)/statm", "re") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), file) != nil else { return nil }
    let numbers = String(
      decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self
    )
    .split(separator: " ")
    return numbers.count > 1 ? Int(numbers[1]) : nil
  }
}
