// How much memory this process may use, and so how much of it peers may make it hold.

import Glibc

/// The memory of the machine, or less where a control group sets a limit (`MemoryMax=`,
/// `MemoryHigh=`, a container's).
package enum MemoryLimit {
  /// What is held where the configuration does not say: a quarter. The other three are for the
  /// kernel's socket buffers, which may hold as much for each connection, and for everything else.
  package static func standardBufferByteCount() -> Int { byteCount() / 4 }

  /// The limit in bytes. `root` is where the file systems of the kernel are found.
  static func byteCount(root: String = "") -> Int {
    var limit = machineByteCount
    var path = controlGroup(root)
    // The limits of all groups above hold as well.
    while !path.isEmpty {
      for name in ["memory.max", "memory.high"] {
        // Where there is none it reads `max`.
        let text = firstLine(of: "\(root)/sys/fs/cgroup\(path)/\(name)")
        if let text, let value = Int(text), value > 0 { limit = min(limit, value) }
      }
      path = path == "/" ? "" : String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
    return limit
  }

  private static var machineByteCount: Int {
    let pageCount = sysconf(Int32(_SC_PHYS_PAGES))
    let pageByteCount = sysconf(Int32(_SC_PAGESIZE))
    return pageCount > 0 && pageByteCount > 0 ? pageCount * pageByteCount : 1 << 30
  }

  /// The group of this process in the one hierarchy of version 2; empty: there is none.
  private static func controlGroup(_ root: String) -> String {
    let prefix = "0::"
    let line = lines(of: "\(root)/proc/self/cgroup").first { $0.hasPrefix(prefix) }
    guard let path = line?.dropFirst(prefix.count), path.hasPrefix("/") else { return "" }
    return String(path)
  }

  private static func firstLine(of file: String) -> String? { lines(of: file).first }

  /// The lines of a small file of the kernel's; none if it cannot be read.
  private static func lines(of file: String) -> [String] {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return [] }
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
