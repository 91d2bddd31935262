// Whether two messages are the same, and where they differ, in words.

import Glibc
import WebSocketProtocol

extension UnsafeRawBufferPointer {
  /// Whether the bytes here are the same as those there, and as many; those before `offset` may
  /// differ.
  @inline(__always)
  func hasBytes(of other: UnsafeRawBufferPointer, from offset: Int = 0) -> Bool {
    guard count == other.count else { return false }
    guard let here = baseAddress, let there = other.baseAddress, count > offset else { return true }
    return memcmp(here + offset, there + offset, count &- offset) == 0
  }
}

/// What is wrong with a message.
struct Difference: CustomStringConvertible {
  let description: String

  /// Of a message from the one that was expected.
  init(
    _ payload: UnsafeRawBufferPointer, _ firstByte: UInt8,
    from expected: UnsafeRawBufferPointer, _ expectedFirstByte: UInt8
  ) {
    if firstByte != expectedFirstByte {
      let isText = firstByte & 0x0F == Opcode.text.rawValue
      description = isText ? "text instead of binary" : "binary instead of text"
    } else if let place = zip(payload, expected).enumerated().first(where: { $1.0 != $1.1 }) {
      description =
        "byte \(place.offset) of \(expected.count) is \(Self.hex(place.element.0)), not "
        + Self.hex(place.element.1)
    } else {
      description = "\(payload.count) bytes instead of \(expected.count)"
    }
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return "0x" + (digits.count < 2 ? "0" : "") + digits
  }
}
