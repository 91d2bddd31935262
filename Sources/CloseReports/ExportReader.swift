// The journal's export format, as `journalctl -o export` writes it: an entry is a line `NAME=value`
// for each field, or, for a value with bytes that are not text, a line `NAME`, the length in eight
// bytes, the value and a line break; a blank line ends the entry.
//
// The stream may be cut, or nothing of the kind. Memory is bounded whatever it holds, and after
// something that cannot be read the next blank line is where reading goes on.

import Glibc

/// Reads entries from a stream in the export format.
package struct ExportReader: ~Copyable {
  /// journald takes no field above 768 MiB: a longer one is not a field.
  private static let maximumFieldByteCount: UInt64 = 768 << 20
  /// Longer than any name that journald takes, which is 64.
  private static let maximumNameByteCount = 256
  private static let bufferByteCount = 1 << 16

  private let descriptor: Int32
  private let ownsDescriptor: Bool
  private var buffer = [UInt8](repeating: 0, count: bufferByteCount)
  private var position = 0
  private var end = 0
  /// How many bytes lie before the buffer.
  private var offset: UInt64 = 0
  private var isAtEnd = false
  private var line: [UInt8] = []
  /// Where something was wrong first, what, and how many times in all.
  package private(set) var damage: DamagedPlace?

  /// Reads from a descriptor; closes it in the end if it is the reader's own.
  package init(descriptor: Int32, ownsDescriptor: Bool) {
    self.descriptor = descriptor
    self.ownsDescriptor = ownsDescriptor
  }

  deinit { if ownsDescriptor { close(descriptor) } }

  /// Reads the next entry; false at the end of the stream. An entry that is cut is left out.
  package mutating func next(into fields: inout EntryFields) -> Bool {
    fields.removeAll()
    var isEmpty = true
    while true {
      let start = offset + UInt64(position)
      guard readLine() else {
        if !isEmpty || !line.isEmpty { note("the stream ends within an entry", at: start) }
        return false
      }
      if line.isEmpty {
        if isEmpty { continue }
        if fields.time > 0 { return true }
        note("an entry has no time", at: start)
        fields.removeAll()
        isEmpty = true
      } else if takeField(into: &fields, at: start) {
        isEmpty = false
      } else {
        skipEntry()
        fields.removeAll()
        isEmpty = true
      }
    }
  }

  /// Whether the stream begins with these bytes, which stay to be read.
  package mutating func begins(with bytes: [UInt8]) -> Bool {
    while end < bytes.count && fill() {}
    return buffer[..<end].starts(with: bytes)
  }

  private mutating func note(_ problem: String, at place: UInt64) {
    if case .byte(let first, let what, let count) = damage {
      damage = .byte(first, problem: what, count: count + 1)
    } else {
      damage = .byte(place, problem: problem, count: 1)
    }
  }
}

// MARK: - Fields

extension ExportReader {
  private static let time = Array("__REALTIME_TIMESTAMP".utf8)

  /// Takes the field that begins with the line just read; false if it is none.
  private mutating func takeField(into fields: inout EntryFields, at start: UInt64) -> Bool {
    let equals = line.firstIndex(of: UInt8(ascii: "="))
    guard Self.isName(line[..<(equals ?? line.count)]) else {
      note("no field of a journal", at: start)
      return false
    }
    guard let equals else { return takeBinaryField(into: &fields, at: start) }
    if line[..<equals].elementsEqual(Self.time) {
      fields.time = line[(equals + 1)...].withUnsafeBytes { CloseEntry.number($0) } ?? 0
      return true
    }
    line.withUnsafeBytes { line in
      fields.take(
        name: UnsafeRawBufferPointer(rebasing: line[..<equals]),
        value: UnsafeRawBufferPointer(rebasing: line[(equals + 1)...]))
    }
    return true
  }

  private mutating func takeBinaryField(into fields: inout EntryFields, at start: UInt64) -> Bool {
    let name = line
    var size: UInt64 = 0
    for shift in 0..<8 {
      guard let byte = readByte() else {
        note("the stream ends within a field", at: start)
        return false
      }
      size |= UInt64(byte) << UInt64(8 * shift)
    }
    guard size <= Self.maximumFieldByteCount else {
      note("a field of \(size) bytes", at: start)
      return false
    }
    guard readValue(Int(size)), readByte() == UInt8(ascii: "\n") else {
      note("a field of \(size) bytes does not end as it should", at: start)
      return false
    }
    name.withUnsafeBytes { name in
      line.withUnsafeBytes { fields.take(name: name, value: $0) }
    }
    return true
  }

  private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
    !name.isEmpty && name.count <= maximumNameByteCount
      && name.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}

// MARK: - Bytes

extension ExportReader {
  /// What is kept of a line: a name, and as much of its value as `EntryFields` keeps.
  private static let maximumLineByteCount =
    maximumNameByteCount + 1 + EntryFields.maximumValueByteCount

  /// Reads a line without its end into `line`; false if the stream ends before the line does.
  private mutating func readLine() -> Bool {
    line.removeAll(keepingCapacity: true)
    while true {
      let found = buffer[position..<end].firstIndex(of: UInt8(ascii: "\n"))
      keep(buffer[position..<(found ?? end)], atMost: Self.maximumLineByteCount)
      position = found.map { $0 + 1 } ?? end
      if found != nil { return true }
      guard fill() else { return false }
    }
  }

  /// Reads a value into `line`; false if the stream ends before.
  private mutating func readValue(_ count: Int) -> Bool {
    line.removeAll(keepingCapacity: true)
    var rest = count
    while rest > 0 {
      if position == end && !fill() { return false }
      let part = min(rest, end - position)
      keep(buffer[position..<position + part], atMost: EntryFields.maximumValueByteCount)
      position += part
      rest -= part
    }
    return true
  }

  private mutating func readByte() -> UInt8? {
    if position == end && !fill() { return nil }
    defer { position += 1 }
    return buffer[position]
  }

  private mutating func skipEntry() {
    while readLine() && !line.isEmpty {}
  }

  private mutating func keep(_ bytes: ArraySlice<UInt8>, atMost limit: Int) {
    line.append(contentsOf: bytes.prefix(limit - min(line.count, limit)))
  }

  /// Reads on behind what is in the buffer, or into it anew if all of it has been taken.
  private mutating func fill() -> Bool {
    if position == end {
      offset += UInt64(end)
      position = 0
      end = 0
    }
    guard !isAtEnd, end < buffer.count else { return false }
    while true {
      let start = end
      let count = buffer.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 { note("cannot be read: error \(errno)", at: offset + UInt64(end)) }
      isAtEnd = count <= 0
      end += max(count, 0)
      return count > 0
    }
  }
}
