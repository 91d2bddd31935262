// Masking against the RFC's formula, byte by byte: all short lengths, alignments and overlaps, and
// the same of what long payloads are left to.

import CMasking
import Glibc
import RelayTestSupport
import Testing

@testable import WebSocketProtocol

/// RFC 6455 §5.3: octet i is XORed with octet i modulo 4 of the key.
func masked(_ bytes: [UInt8], _ key: [UInt8]) -> [UInt8] {
  bytes.enumerated().map { index, byte in byte ^ key[index % 4] }
}

/// The key as the code under test keeps it: as it lies in memory.
private func loaded(_ key: [UInt8]) -> UInt32 {
  key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
}

/// Bytes with all bits in use.
private func noise(_ count: Int) -> [UInt8] {
  var random = SeededGenerator(seed: UInt64(count) + 1)
  return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
}

@Suite("RFC 6455 §5.3: masking")
struct MaskingTests {
  private static let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

  /// The example of RFC 6455 §5.7.
  @Test func theExample() {
    let masked: [UInt8] = [0x7F, 0x9F, 0x4D, 0x51, 0x58]
    var plain = [UInt8](repeating: 0, count: 5)
    let isASCII = plain.withUnsafeMutableBytes {
      Masking.apply(
        loaded([0x37, 0xFA, 0x21, 0x3D]), from: masked, count: 5, to: $0.baseAddress!)
    }
    #expect(plain == Array("Hello".utf8))
    #expect(isASCII)
  }

  /// Lengths 0 to 200, each of the 8 alignments of source and destination; nothing beside is
  /// written.
  @Test(arguments: 0...200)
  func lengthsAndAlignments(count: Int) {
    let bytes = noise(count)
    let expected = masked(bytes, Self.key)
    for sourceOffset in 0..<8 {
      for destinationOffset in 0..<8 {
        let source = UnsafeMutableRawBufferPointer.allocate(
          byteCount: sourceOffset + count, alignment: 16)
        let destination = UnsafeMutableRawBufferPointer.allocate(
          byteCount: destinationOffset + count + 8, alignment: 16)
        defer {
          source.deallocate()
          destination.deallocate()
        }
        UnsafeMutableRawBufferPointer(rebasing: source[sourceOffset...]).copyBytes(from: bytes)
        destination.initializeMemory(as: UInt8.self, repeating: 0xA5)
        _ = Masking.apply(
          loaded(Self.key), from: source.baseAddress! + sourceOffset, count: count,
          to: destination.baseAddress! + destinationOffset)
        let written = Array(destination)
        let untouched = { (count: Int) in [UInt8](repeating: 0xA5, count: count) }
        #expect(written == untouched(destinationOffset) + expected + untouched(8))
      }
    }
  }

  /// In place, and 2 to 14 bytes lower, where a reply is written over the frame it answers.
  @Test(arguments: 0...200)
  func overlap(count: Int) {
    let bytes = noise(count)
    let expected = masked(bytes, Self.key)
    for distance in [0] + Array(1...14) + [63, 64, 65] {
      let memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: distance + count, alignment: 1)
      defer { memory.deallocate() }
      UnsafeMutableRawBufferPointer(rebasing: memory[distance...]).copyBytes(from: bytes)
      guard let start = memory.baseAddress else { continue }
      _ = Masking.apply(
        loaded(Self.key), from: start + distance, count: count, to: start)
      #expect(Array(memory.prefix(count)) == expected, "\(distance) bytes lower")
    }
  }

  /// One byte that is no ASCII is seen wherever it is.
  @Test(arguments: 1...140)
  func othersThanASCIIAreSeen(count: Int) {
    var output = [UInt8](repeating: 0, count: count)
    let ascii = [UInt8](repeating: 0x7F, count: count)
    func isASCII(_ plain: [UInt8]) -> Bool {
      let masked = WebSocketProtocolTests.masked(plain, Self.key)
      return output.withUnsafeMutableBytes {
        Masking.apply(loaded(Self.key), from: masked, count: count, to: $0.baseAddress!)
      }
    }
    #expect(isASCII(ascii))
    for index in 0..<count {
      var plain = ascii
      plain[index] = 0x80
      #expect(!isASCII(plain), "byte \(index) of \(count)")
    }
  }

  @Test(arguments: [[0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [1, 2, 4, 8]] as [[UInt8]])
  func masksOfAnyKey(key: [UInt8]) {
    let bytes = noise(333)
    var output = bytes
    output.withUnsafeMutableBytes {
      _ = Masking.apply(loaded(key), from: $0.baseAddress!, count: 333, to: $0.baseAddress!)
    }
    #expect(output == masked(bytes, key))
    // The same again takes it back.
    output.withUnsafeMutableBytes {
      _ = Masking.apply(loaded(key), from: $0.baseAddress!, count: 333, to: $0.baseAddress!)
    }
    #expect(output == bytes)
  }

  @Test(
    arguments: [
      (0, [1, 2, 3, 4]), (1, [2, 3, 4, 1]), (2, [3, 4, 1, 2]), (3, [4, 1, 2, 3]),
      (4, [1, 2, 3, 4]), (7, [4, 1, 2, 3]), (1 << 32 + 1, [2, 3, 4, 1]), (.max, [4, 1, 2, 3]),
    ] as [(Int, [UInt8])])
  func rotation(count: Int, expected: [UInt8]) {
    #expect(Masking.rotate(loaded([1, 2, 3, 4]), past: count) == loaded(expected))
  }

  /// In pieces with a rotated key it comes to the same.
  @Test(arguments: 0...70)
  func pieces(position: Int) {
    let bytes = noise(70)
    var output = bytes
    output.withUnsafeMutableBytes {
      let start = $0.baseAddress!
      let key = loaded(Self.key)
      _ = Masking.apply(key, from: start, count: position, to: start)
      _ = Masking.apply(
        Masking.rotate(key, past: position), from: start + position, count: 70 - position,
        to: start + position)
    }
    #expect(output == masked(bytes, Self.key))
  }
}

@Suite("RFC 6455 §5.3: masking of long payloads")
struct WideMaskingTests {
  private typealias Way = (
    UnsafeMutableRawPointer?, UnsafeRawPointer?, Int, UInt32
  ) -> Bool

  private static let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
  /// Around the size of a vector, of several, and where `Masking.apply` begins to leave a payload
  /// to CMasking.
  private static let counts =
    Array(0...200) + Array((Masking.longByteCount - 2)...(Masking.longByteCount + 70)) + [65_537]

  /// From one place to another at each distance from an aligned one, and downwards in the same
  /// memory; nothing beside it is written.
  private func meetsTheFormula(_ apply: Way) {
    for count in Self.counts {
      let bytes = noise(count)
      let expected = masked(bytes, Self.key)
      let byteCount = 256 + count
      let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
      let wanted = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
      defer {
        memory.deallocate()
        wanted.deallocate()
      }
      for offset in count <= 200 ? Array(0..<64) : [0, 1, 14, 63] {
        memset(memory, 0xA5, byteCount)
        memset(wanted, 0xA5, byteCount)
        memcpy(wanted + offset, expected, count)
        _ = apply(memory + offset, bytes, count, loaded(Self.key))
        #expect(memcmp(memory, wanted, byteCount) == 0, "\(count) bytes, \(offset) from aligned")
      }
      for distance in [0, 1, 2, 7, 8, 14, 63, 64, 65] {
        memcpy(memory + distance, bytes, count)
        _ = apply(memory, memory + distance, count, loaded(Self.key))
        #expect(memcmp(memory, expected, count) == 0, "\(count) bytes, \(distance) lower")
      }
    }
    seesEachByte(apply)
  }

  /// One byte that is no ASCII is seen wherever it is: before the vectors, in them, behind them.
  private func seesEachByte(_ apply: Way) {
    let count = 200
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 8 + count, alignment: 64)
    defer { memory.deallocate() }
    var plain = [UInt8](repeating: 0x7F, count: count)
    for index in -1..<count {
      if index >= 0 { plain[index] = 0x80 }
      let bytes = masked(plain, Self.key)
      for offset in 0..<8 {
        let isASCII = apply(memory + offset, bytes, count, loaded(Self.key))
        #expect(isASCII == (index < 0), "byte \(index), \(offset) from an aligned one")
      }
      if index >= 0 { plain[index] = 0x7F }
    }
  }

  @Test func asItIsChosen() {
    meetsTheFormula { to, from, count, key in
      guard let to, let from else { return true }
      return Masking.apply(key, from: from, count: count, to: to)
    }
    meetsTheFormula(cmasking_apply)
  }

  @Test func portable() { meetsTheFormula(cmasking_apply_portable) }

  @Test(.enabled(if: cmasking_has_avx2(), "this CPU has no AVX2"))
  func avx2() { meetsTheFormula(cmasking_apply_avx2) }

  @Test(.enabled(if: cmasking_has_avx512(), "this CPU has no AVX-512"))
  func avx512() { meetsTheFormula(cmasking_apply_avx512) }
}
