// What the kernel knows of this process: descriptors, threads, processor time.

import CLinux
import Glibc

enum ProcessFacts {
  /// Whether this process runs under the thread sanitizer, which makes it ten times slower.
  static let isSanitized = dlsym(nil, "__tsan_init") != nil

  /// How many descriptors are open more after several rounds of something than after the first; a
  /// leak adds at least one in each. The library that runs the tests may open one or two of its
  /// own.
  static func leakedDescriptorCount(_ round: () throws -> Void) rethrows -> Int {
    try round()
    let before = entries("/proc/self/fd").count
    for _ in 0..<leakRoundCount { try round() }
    let leaked = entries("/proc/self/fd").count - before
    return leaked < leakRoundCount ? 0 : leaked
  }

  private static let leakRoundCount = 5

  /// The engine's threads, by their ids.
  static var workerThreads: [String] {
    entries("/proc/self/task").filter {
      text("/proc/self/task/\($0)/comm").hasPrefix("wsrelay-")
    }
  }

  /// Nanoseconds the engine's threads have run.
  static var workerRunTime: Int {
    workerThreads.reduce(0) { sum, thread in
      let fields = text("/proc/self/task/\(thread)/schedstat").split(separator: " ")
      return sum + (fields.first.flatMap { Int($0) } ?? 0)
    }
  }

  /// The field of a thread's status, such as `SigBlk`.
  static func status(_ thread: String, _ field: String) -> String {
    let lines = text("/proc/self/task/\(thread)/status").split(separator: "\n")
    let line = lines.first { $0.hasPrefix(field + ":") } ?? ""
    return String(line.drop { $0 != "\t" }.dropFirst())
  }

  /// Allows this process the thousands of descriptors that a login does not get by default.
  static func raiseDescriptorLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Bounds the numbers of descriptors so that `count` more can be opened.
  static func leaveDescriptors(_ count: Int) {
    var (number, freeCount): (Int32, Int) = (0, 0)
    while freeCount < count {
      if fcntl(number, F_GETFD) < 0 { freeCount += 1 }
      number += 1
    }
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = rlim_t(number)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  private static func entries(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }

  private static func text(_ path: String) -> String {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return "" }
    defer { close(descriptor) }
    return withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { buffer in
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
    }
  }
}
