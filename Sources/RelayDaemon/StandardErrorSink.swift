// Standard error as a sink: lines that come together are written together, each of them whole.

import Glibc
import Systemd

/// Writes each record as one line to a descriptor; those that come together are written together.
struct StandardErrorSink: RecordSink, ~Copyable {
  let layout: StandardErrorLayout
  private let descriptor: Int32
  private var lines = RecordBytes()
  /// Where in `lines` each of them ends.
  private var lineEnds: [Int] = []
  private var writtenLineCount = 0

  /// Lines that wait, in bytes, before no more are taken.
  private static let capacity = 4 * Int(PIPE_BUF)

  init(layout: StandardErrorLayout, descriptor: Int32 = STDERR_FILENO) {
    self.layout = layout
    self.descriptor = descriptor
  }

  func makeEntry() -> JournalEntry { JournalEntry(layout) }

  mutating func take(_ entry: inout JournalEntry) {
    lines.append(entry.bytes)
    lines.append(UInt8(ascii: "\n"))
    lineEnds.append(lines.count)
  }

  var isFull: Bool { lines.count >= Self.capacity }

  /// Writes every line whole, whatever the descriptor takes at a time.
  ///
  /// The daemon ignores SIGPIPE and the writer thread blocks it besides, so a reader that has gone
  /// is EPIPE here, an error like others.
  mutating func send() throws(SystemdError) {
    var start = writtenLineCount == 0 ? 0 : lineEnds[writtenLineCount - 1]
    while writtenLineCount < lineEnds.count {
      let count = lines.withUnsafeBytes(in: start..<endOfPiece(from: start)) { bytes in
        write(descriptor, bytes.baseAddress, bytes.count)
      }
      if count >= 0 {
        start += count
        while writtenLineCount < lineEnds.count && lineEnds[writtenLineCount] <= start {
          writtenLineCount += 1
        }
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // Whoever shares the terminal or pipe made it non-blocking; waiting is this thread's right.
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&request, 1, -1)
      default: throw SystemdError(call: "write", errorNumber: errno)
      }
    }
    _ = discard()
  }

  mutating func discard() -> Int {
    defer {
      lines.removeAll()
      lineEnds.removeAll(keepingCapacity: true)
      writtenLineCount = 0
    }
    return lineEnds.count - writtenLineCount
  }

  /// Up to where to write at once: whole lines, and no more of them than a pipe takes without
  /// mixing them with those of others, as of a daemon that is being replaced.
  private func endOfPiece(from start: Int) -> Int {
    var index = writtenLineCount
    while index + 1 < lineEnds.count && lineEnds[index + 1] - start <= Int(PIPE_BUF) { index += 1 }
    return lineEnds[index]
  }
}
