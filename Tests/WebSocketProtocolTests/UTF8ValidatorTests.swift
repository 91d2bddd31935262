// UTF-8 against the standard library: all short sequences, boundaries, every split, random text,
// and the vector code, masked texts included, against the portable one.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

/// The verdicts of all implementations on the same bytes.
struct UTF8Verdict: Equatable {
  var portable: Bool
  var vectorised: Bool
  var whole: Bool
  var incremental: Bool
  var unmasked: Bool
  var inOnePass: Bool

  init(_ bytes: [UInt8]) {
    let masked = MaskedText(bytes, offset: 4)
    unmasked = masked.verdict { UTF8Validator.isValid(unmasking: $0, $1, $2, to: $3) }
    // A CPU without AVX-512 has no one pass.
    inOnePass = masked.verdict {
      UTF8Validator.isValidInOnePass(unmasking: $0, $1, $2, to: $3)
        ?? UTF8Validator.isValid(unmasking: $0, $1, $2, to: $3)
    }
    (portable, vectorised, whole, incremental) = bytes.withUnsafeBytes { buffer in
      // An empty buffer may have no address.
      let start = buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 8)!
      let portable = UTF8Validator.isValidPortable(start, buffer.count)
      var validator = UTF8Validator()
      let incremental = validator.validate(start, buffer.count) && validator.isComplete
      return (
        portable, UTF8Validator.isValidVectorised(start, buffer.count) ?? portable,
        UTF8Validator.isValid(start, buffer.count), incremental
      )
    }
  }

  init(all verdict: Bool) {
    (portable, vectorised, whole, incremental) = (verdict, verdict, verdict, verdict)
    (unmasked, inOnePass) = (verdict, verdict)
  }

  /// What the standard library says.
  static func expected(_ bytes: [UInt8]) -> UTF8Verdict {
    UTF8Verdict(all: String(validating: bytes, as: UTF8.self) != nil)
  }
}

/// A masked text that is unmasked to just below where it lies.
struct MaskedText {
  static let key: UInt32 = 0xD4C3_80A1
  let plain: [UInt8]
  let offset: Int
  /// Room for the plain text, then the masked one, then what must not be written.
  let memory: [UInt8]

  init(_ plain: [UInt8], offset: Int) {
    self.plain = plain
    self.offset = offset
    let bytes = masked(plain, withUnsafeBytes(of: Self.key, Array.init))
    memory = [UInt8](repeating: 0x5A, count: offset) + bytes + [0x5A]
  }

  /// What `unmask` says, called with source, count, key and destination. Records an issue if it
  /// left anything but the plain text of what it says is valid, or wrote behind it.
  func verdict(
    _ unmask: (UnsafeRawPointer, Int, UInt32, UnsafeMutableRawPointer) -> Bool
  ) -> Bool {
    var memory = memory
    let isValid = memory.withUnsafeMutableBytes {
      unmask($0.baseAddress! + offset, plain.count, Self.key, $0.baseAddress!)
    }
    if isValid && !memory.starts(with: plain) { Issue.record("not the plain text of \(plain)") }
    if memory.dropFirst(plain.count) != self.memory.dropFirst(plain.count) {
      Issue.record("written behind \(plain)")
    }
    return isValid
  }
}

/// The number of bytes after which a validator, fed one at a time, says no; nil if it never does.
func firstBadByte(_ bytes: [UInt8]) -> Int? {
  var validator = UTF8Validator()
  for (index, byte) in bytes.enumerated() {
    let isGood = withUnsafeBytes(of: byte) { validator.validate($0.baseAddress!, 1) }
    if !isGood { return index }
  }
  return nil
}

@Suite("RFC 3629 §4: well-formed sequences")
struct UTF8SequenceTests {
  @Test func everyByte() {
    for a in UInt8.min...UInt8.max { #expect(UTF8Verdict([a]) == .expected([a])) }
  }

  @Test func everyPairOfBytes() {
    var mismatchCount = 0
    for pair in UInt32(0)..<0x1_0000 {
      let bytes = [UInt8(pair >> 8), UInt8(pair & 0xFF)]
      if UTF8Verdict(bytes) != .expected(bytes) { mismatchCount += 1 }
    }
    #expect(mismatchCount == 0)
  }

  /// The last two of three valid bytes, by the first, as the standard library encodes them.
  private static let validTails: [[Int]] = {
    var tails = [[Int]](repeating: [], count: 0x100)
    for scalar in (0..<0x1_0000 as Range<UInt32>).lazy.compactMap(Unicode.Scalar.init) {
      let bytes = Array(String(scalar).utf8).map(Int.init)
      switch bytes.count {
      case 3: tails[bytes[0]].append(bytes[1] << 8 | bytes[2])
      case 2:
        tails[bytes[0]] += (0..<0x80).map { bytes[1] << 8 | $0 }
        tails[0x7F].append(bytes[0] << 8 | bytes[1])
      default: tails[0x7F] += (0..<0x80).map { bytes[0] << 8 | $0 }
      }
    }
    return tails
  }()

  /// Three bytes by first byte; one ASCII byte stands for all of them.
  @Test(arguments: Array(0x7F...0xFF) as [UInt8])
  func everyTripleOfBytes(first: UInt8) {
    var isValid = [Bool](repeating: false, count: 0x1_0000)
    for tail in Self.validTails[Int(first)] { isValid[tail] = true }
    var mismatchCount = 0
    var bytes: (UInt8, UInt8, UInt8) = (first, 0, 0)
    let unmasked = UnsafeMutableRawPointer.allocate(byteCount: 3, alignment: 1)
    defer { unmasked.deallocate() }
    // Eight million rounds: no array, no verdict, only the calls.
    for pair in 0..<0x1_0000 {
      bytes.1 = UInt8(truncatingIfNeeded: pair >> 8)
      bytes.2 = UInt8(truncatingIfNeeded: pair)
      withUnsafeBytes(of: bytes) { buffer in
        let start = buffer.baseAddress!
        let expected = isValid[pair]
        var validator = UTF8Validator()
        let incremental = validator.validate(start, 3) && validator.isComplete
        if incremental != expected || UTF8Validator.isValidPortable(start, 3) != expected
          || UTF8Validator.isValidVectorised(start, 3) ?? expected != expected
          || UTF8Validator.isValidInOnePass(unmasking: start, 3, 0, to: unmasked) ?? expected
            != expected
        {
          mismatchCount += 1
        }
      }
    }
    #expect(mismatchCount == 0)
  }

  @Test(
    arguments: [0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFC, 0xFE, 0xFF] as [UInt8])
  func fourBytesAtTheBoundaries(first: UInt8) {
    let edges: [UInt8] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xFF]
    for second in edges {
      for third in edges {
        for fourth in edges {
          let bytes = [first, second, third, fourth]
          #expect(UTF8Verdict(bytes) == .expected(bytes), "\(bytes)")
        }
      }
    }
  }

  @Test(
    arguments: [
      0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE,
      0xFFFF, 0x1_0000, 0x3_FFFF, 0x4_0000, 0xF_FFFF, 0x10_0000, 0x10_FFFF,
    ] as [UInt32])
  func boundaryScalar(value: UInt32) throws {
    let scalar = try #require(Unicode.Scalar(value))
    #expect(UTF8Verdict(Array(String(scalar).utf8)) == UTF8Verdict(all: true))
  }
}

@Suite("RFC 6455 §8.1: invalid UTF-8 fails at its first bad byte")
struct UTF8FailFastTests {
  @Test(
    arguments: [
      ([0x80], 0), ([0xBF], 0), ([0xC0], 0), ([0xC1], 0), ([0xF5], 0), ([0xFF], 0), ([0xFE], 0),
      ([0xC2, 0x41], 1), ([0xC2, 0xC2], 1), ([0xE0, 0x80], 1), ([0xE0, 0x9F], 1),
      ([0xED, 0xA0], 1), ([0xED, 0xBF], 1), ([0xF0, 0x8F], 1), ([0xF0, 0x80], 1),
      ([0xF4, 0x90], 1), ([0xF4, 0xBF], 1), ([0xE1, 0x80, 0x41], 2), ([0xE1, 0x80, 0xE1], 2),
      ([0xF1, 0x80, 0x80, 0x41], 3), ([0xF1, 0x80, 0x41], 2), ([0x41, 0xC2, 0x80, 0x80], 3),
      ([0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xF4, 0x90, 0x80], 12),
    ] as [([UInt8], Int)])
  func byteByByte(bytes: [UInt8], index: Int) {
    #expect(firstBadByte(bytes) == index)
  }

  /// However the good part is split and whatever stands before it, the chunk with the bad byte
  /// fails, though the sequence it breaks may not be over.
  @Test(
    arguments: [
      [0xE0, 0x80], [0xED, 0xA0], [0xF0, 0x80], [0xF4, 0x90], [0xC0], [0xF5], [0xE1, 0x41],
      [0xF1, 0x80, 0x41],
    ] as [[UInt8]], [0, 1, 5, 29, 30, 31, 32, 33, 61, 63, 64, 65, 127])
  func inOneChunk(bad: [UInt8], asciiCount: Int) {
    let bytes = [UInt8](repeating: 0x61, count: asciiCount) + bad
    for split in 0..<bytes.count {
      var validator = UTF8Validator()
      bytes.withUnsafeBytes { buffer in
        let start = buffer.baseAddress!
        let good = validator.validate(start, split)
        let bad = validator.validate(start + split, bytes.count - split)
        let afterwards = validator.validate(start, 0)
        #expect(good && !bad && !afterwards && !validator.isComplete)
      }
    }
  }

  @Test func openSequenceIsGoodButIncomplete() {
    let openOnes: [[UInt8]] = [
      [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xF4, 0x8F], [0xED, 0x9F],
    ]
    for bytes in openOnes {
      var validator = UTF8Validator()
      let isGood = bytes.withUnsafeBytes { validator.validate($0.baseAddress!, $0.count) }
      #expect(isGood && !validator.isComplete)
    }
  }

  @Test func stateIsSmall() {
    #expect(MemoryLayout<UTF8Validator>.size <= 8)
    #expect(_isPOD(UTF8Validator.self))
  }
}

@Suite("RFC 6455 §5.6: text split anywhere")
struct UTF8SplitTests {
  private static let text = Array(
    "Hello-µ@ßöäüàá-UTF-8!! κόσμε €𝄞 日本語 😀😃 plain ascii to fill a vector or two, and more é".utf8)

  @Test func everySplitInThree() {
    let bytes = Self.text
    bytes.withUnsafeBytes { buffer in
      let start = buffer.baseAddress!
      for first in 0...bytes.count {
        for second in first...bytes.count {
          var validator = UTF8Validator()
          let isGood =
            validator.validate(start, first) && validator.validate(start + first, second - first)
            && validator.validate(start + second, bytes.count - second)
          if !isGood || !validator.isComplete { Issue.record("split at \(first), \(second)") }
        }
      }
    }
  }

  /// Masked, at once and in one pass, each part to just below where it lies.
  @Test func everySplitInThreeUnmasked() {
    let bytes = Self.text
    for first in 0...bytes.count {
      for second in first...bytes.count {
        var validator = UTF8Validator()
        var onePass = UTF8Validator()
        for part in [0..<first, first..<second, second..<bytes.count] {
          let masked = MaskedText(Array(bytes[part]), offset: 1)
          let isGood = masked.verdict { validator.validate(unmasking: $0, $1, $2, to: $3) }
          let isGoodToo = masked.verdict {
            onePass.validateInOnePass(unmasking: $0, $1, $2, to: $3)
              ?? onePass.validate(unmasking: $0, $1, $2, to: $3)
          }
          if !isGood || !isGoodToo { Issue.record("split at \(first), \(second)") }
        }
        if !validator.isComplete || !onePass.isComplete {
          Issue.record("open behind \(first), \(second)")
        }
      }
    }
  }

  /// Whole, cut short and broken.
  private static let characters: [[UInt8]] = [
    [0x41], [0xC3, 0xA9], [0xE2, 0x82, 0xAC], [0xED, 0x9F, 0xBF], [0xF0, 0x9F, 0x98, 0x80],
    [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xC3], [0x80], [0xED, 0xA0, 0x80],
    [0xF4, 0x90, 0x80, 0x80],
  ]

  /// Each character at each place around the borders of the vectors.
  @Test(arguments: 0...130)
  func characterAtEveryOffset(length: Int) {
    for character in Self.characters where character.count <= length {
      var offsets = Set([0, 1, length / 2, length - character.count])
      for border in [32, 64, 96, 128] { offsets.formUnion(border - 4...border) }
      for offset in offsets where offset + character.count <= length && offset >= 0 {
        var bytes = [UInt8](repeating: 0x20, count: length)
        bytes.replaceSubrange(offset..<offset + character.count, with: character)
        #expect(UTF8Verdict(bytes) == .expected(bytes), "\(character) at \(offset) of \(length)")
      }
    }
    let ascii = [UInt8](repeating: 0x7A, count: length)
    #expect(UTF8Verdict(ascii) == UTF8Verdict(all: true))
  }

  /// Each character between ASCII, of which several vectors are looked at together, around their
  /// borders, unmasked to each place between two that are aligned.
  @Test(arguments: 0..<64)
  func characterWithinMuchASCII(misalignment: Int) {
    for character in Self.characters {
      for border in [64, 256, 320] {
        for offset in (border - misalignment - 4)...(border - misalignment) where offset >= 0 {
          var bytes = [UInt8](repeating: 0x20, count: 400)
          bytes.replaceSubrange(offset..<offset + character.count, with: character)
          expectAgreement(bytes, misalignment)
        }
      }
    }
  }

  /// A lead and what belongs to it, between them as much ASCII as is looked at together, from the
  /// first aligned place on.
  @Test(arguments: 0..<64)
  func characterTornApart(misalignment: Int) {
    for character in Self.characters where character.count > 1 {
      let ascii = [UInt8](repeating: 0x20, count: 256)
      let before = misalignment == 0 ? ascii.dropLast() : ascii.prefix(63 - misalignment)
      expectAgreement(before + character.prefix(1) + ascii + character.dropFirst(), misalignment)
    }
  }

  /// Expects of one pass, to so many bytes behind an aligned place, what the portable code says.
  private func expectAgreement(_ bytes: [UInt8], _ misalignment: Int) {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: misalignment + bytes.count, alignment: 64)
    defer { memory.deallocate() }
    let place = memory + misalignment
    let masked = masked(bytes, withUnsafeBytes(of: MaskedText.key, Array.init))
    // A CPU without AVX-512 has no one pass.
    let verdict =
      UTF8Validator.isValidInOnePass(unmasking: masked, bytes.count, MaskedText.key, to: place)
      ?? UTF8Validator.isValid(unmasking: masked, bytes.count, MaskedText.key, to: place)
    #expect(verdict == UTF8Validator.isValidPortable(bytes, bytes.count), "\(bytes)")
    if verdict {
      #expect(UnsafeRawBufferPointer(start: place, count: bytes.count).elementsEqual(bytes))
    }
  }
}

@Suite("RFC 3629: random text, all implementations agree")
struct UTF8RandomTests {
  private static func randomText(using generator: inout SeededGenerator) -> [UInt8] {
    var text = String.UnicodeScalarView()
    let ranges: [ClosedRange<UInt32>] = [
      0...0x7F, 0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x1_0000...0x10_FFFF,
    ]
    for _ in 0..<Int.random(in: 0...80, using: &generator) {
      let range = ranges[Int.random(in: 0..<ranges.count, using: &generator)]
      if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &generator)) {
        text.append(scalar)
      }
    }
    return Array(String(text).utf8)
  }

  @Test func tenThousandStrings() {
    var generator = SeededGenerator(seed: 3629)
    for round in 0..<10_000 {
      var bytes = Self.randomText(using: &generator)
      // Half of them damaged in one byte.
      if round % 2 == 1, !bytes.isEmpty {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[index] = UInt8.random(in: 0...255, using: &generator)
      }
      if UTF8Verdict(bytes) != .expected(bytes) { Issue.record("round \(round): \(bytes)") }
    }
  }

  /// The chunk that fails must be the one with the byte at which a byte-wise validator fails.
  @Test func randomChunksFailWhereSingleBytesDo() {
    var generator = SeededGenerator(seed: 6455)
    for round in 0..<5_000 {
      var bytes = Self.randomText(using: &generator)
      if bytes.isEmpty { continue }
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
        in: 0x80...0xFF, using: &generator)
      let expected = firstBadByte(bytes)
      var validator = UTF8Validator()
      var onePass = UTF8Validator()
      var offset = 0
      var failed: Range<Int>?
      while offset < bytes.count, failed == nil {
        let count = Int.random(in: 1...min(100, bytes.count - offset), using: &generator)
        let chunk = offset..<offset + count
        let isGood = bytes.withUnsafeBytes { validator.validate($0.baseAddress! + offset, count) }
        if !isGood { failed = chunk }
        let isGoodInOnePass = MaskedText(Array(bytes[chunk]), offset: 4).verdict {
          onePass.validateInOnePass(unmasking: $0, $1, $2, to: $3)
            ?? onePass.validate(unmasking: $0, $1, $2, to: $3)
        }
        if isGoodInOnePass != isGood { Issue.record("round \(round), in one pass: \(bytes)") }
        offset += count
      }
      let agrees = expected.map { failed?.contains($0) ?? false } ?? (failed == nil)
      if !agrees { Issue.record("round \(round): \(bytes)") }
    }
  }
}
