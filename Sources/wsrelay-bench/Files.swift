// The files that a run reads and writes.

import Getopt
import Glibc
import LoadGeneration

enum Files {
  /// More would be held in memory, twice.
  private static let maximumByteCount = 256 << 20

  /// The lines of a file.
  static func lines(_ path: String) throws(UsageError) -> [[UInt8]] {
    guard let file = fopen(path, "re") else { throw failure(path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes += chunk[..<count]
      if bytes.count > maximumByteCount { throw UsageError("\(path): larger than 256 MB") }
    }
    if ferror(file) != 0 { throw failure(path) }
    guard let lines = MessageSource.lines(bytes) else {
      throw UsageError("\(path): no lines in it")
    }
    return lines
  }

  /// Writes a text over what was there.
  static func write(_ text: String, to path: String) throws(UsageError) {
    guard let file = fopen(path, "we") else { throw failure(path) }
    let isWritten = fputs(text, file) >= 0
    if fclose(file) != 0 || !isWritten { throw failure(path) }
  }

  private static func failure(_ path: String) -> UsageError {
    UsageError("\(path): \(String(cString: strerror(errno)))")
  }
}
