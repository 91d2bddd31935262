// Whether the bytes of a text message are UTF-8, as they arrive. The vector code is in CUTF8; here
// is its state, and the short way for the commonest text there is. A long masked text is unmasked
// and validated in one pass where the CPU can.
//
// The verdict falls at the earliest byte that decides it: a sequence that is cut off but can no
// longer become valid has failed already. RFC 6455 §8.1 demands that the connection fails; Autobahn
// 6.4 asks that it does so at once.

import CUTF8

/// An incremental validator of one text message, split into whatever chunks it comes in.
///
/// Four bytes of plain state, so that it can be written out and taken up elsewhere.
public struct UTF8Validator: Sendable, Equatable {
  /// What the open sequence needs; the values are those of cutf8.h.
  @usableFromInline var state: UInt32

  /// A validator at the beginning of a message.
  @inlinable
  public init() { state = 0 }

  /// A validator that goes on where another stood, by its `state`; nil: none ever stands there, or
  /// its text has failed.
  public init?(state: UInt32) {
    guard state == CUTF8_COMPLETE || Self.openStates.contains(Int(state)) else {
      return nil
    }
    self.state = state
  }

  private static let openStates = CUTF8_NEEDS_ONE...CUTF8_AFTER_F4

  /// Continues with the next bytes; false as soon as those so far cannot begin any valid UTF-8.
  ///
  /// Once false it stays false. Any count is allowed, 0 included.
  @inlinable @inline(__always)
  public mutating func validate(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    precondition(count >= 0)
    if state == 0, count <= 64, Self.isASCII(bytes, count) { return true }
    return cutf8_advance(&state, bytes, count)
  }

  /// The same for bytes that are masked still and are unmasked, with `key` for the first of them,
  /// on the way from `source` to `destination`; that may be below it in the same memory, or it.
  ///
  /// Once the result is false, what was written means nothing.
  @inlinable @inline(__always)
  public mutating func validate(
    unmasking source: UnsafeRawPointer, _ count: Int, _ key: UInt32,
    to destination: UnsafeMutableRawPointer
  ) -> Bool {
    precondition(count >= 0)
    if count >= Self.longByteCount && cutf8_has_avx512() {
      return cutf8_advance_unmasking_avx512(&state, destination, source, count, key)
    }
    _ = Masking.apply(key, from: source, count: count, to: destination)
    return validate(destination, count)
  }

  /// No sequence is open and nothing was wrong: the message may end here.
  @inlinable
  public var isComplete: Bool { state == 0 }

  /// Whether a whole message is valid UTF-8.
  @inlinable @inline(__always)
  public static func isValid(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    precondition(count >= 0)
    return count <= 64 && isASCII(bytes, count) || cutf8_is_valid(bytes, count)
  }

  /// Whether a whole message is valid UTF-8, unmasked on the way from `source` to `destination`,
  /// which may be below it in the same memory. If not, what was written means nothing.
  @inlinable @inline(__always)
  public static func isValid(
    unmasking source: UnsafeRawPointer, _ count: Int, _ key: UInt32,
    to destination: UnsafeMutableRawPointer
  ) -> Bool {
    precondition(count >= 0)
    if count >= longByteCount && cutf8_has_avx512() {
      return cutf8_unmask_avx512(destination, source, count, key)
    }
    let isASCII = Masking.apply(key, from: source, count: count, to: destination)
    return isASCII || isValid(destination, count)
  }

  /// From so many bytes on a text is unmasked and validated by one call; a shorter one is unmasked
  /// where it is, and never called for if it is ASCII.
  @usableFromInline static let longByteCount = 128

  /// Whether no byte has its top bit set; for short texts, where a call costs more than the look.
  @inlinable @inline(__always)
  static func isASCII(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    var all: UInt64 = 0
    var offset = 0
    while offset &+ 8 <= count {
      all |= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      offset &+= 8
    }
    while offset < count {
      all |= UInt64(bytes.load(fromByteOffset: offset, as: UInt8.self))
      offset &+= 1
    }
    return all & 0x8080_8080_8080_8080 == 0
  }
}

extension UTF8Validator {
  /// `isValid` with AVX2 whatever the length, nil on CPUs without it; for tests.
  public static func isValidVectorised(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool? {
    precondition(count >= 0)
    return cutf8_has_avx2() ? cutf8_is_valid_avx2(bytes, count) : nil
  }

  /// `isValid` as on CPUs without AVX2, whatever the length; for tests.
  public static func isValidPortable(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
    precondition(count >= 0)
    return cutf8_is_valid_portable(bytes, count)
  }

  /// `isValid(unmasking:)` in one pass whatever the length, nil on CPUs that cannot; for tests.
  public static func isValidInOnePass(
    unmasking source: UnsafeRawPointer, _ count: Int, _ key: UInt32,
    to destination: UnsafeMutableRawPointer
  ) -> Bool? {
    precondition(count >= 0)
    return cutf8_has_avx512() ? cutf8_unmask_avx512(destination, source, count, key) : nil
  }

  /// `validate(unmasking:)` in one pass whatever the length, nil on CPUs that cannot; for tests.
  public mutating func validateInOnePass(
    unmasking source: UnsafeRawPointer, _ count: Int, _ key: UInt32,
    to destination: UnsafeMutableRawPointer
  ) -> Bool? {
    precondition(count >= 0)
    if !cutf8_has_avx512() { return nil }
    return cutf8_advance_unmasking_avx512(&state, destination, source, count, key)
  }
}
