// Whole files into memory, up to a bound.

import Glibc

/// The bytes of a file.
enum FileContents {
  /// Why there are none.
  struct Failure: Error {
    let errno: Int32
    /// As the system words it.
    var reason: String { String(cString: strerror(errno)) }
  }

  /// Reads at least one byte more than `maximumByteCount` of a file that is larger, so that it can
  /// be told apart.
  static func read(_ path: String, maximumByteCount: Int) throws(Failure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(errno: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= maximumByteCount {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw Failure(errno: errno)
      }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
