// Headers as values: every way to write a length, how much is needed to read one, and ten thousand
// random headers read as they were written.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

/// Decodes from an allocation of just these bytes.
private func decode<Role: EndpointRole>(
  _ bytes: [UInt8], allowedReservedBits: UInt8 = 0, as role: Role.Type
) -> FrameHeaderDecoding {
  let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { memory.deallocate() }
  memory.copyBytes(from: bytes)
  // An empty allocation has an address to point at, but nothing to read.
  guard let start = memory.baseAddress else { return .incomplete(neededByteCount: 0) }
  return FrameHeader.decode(
    start, bytes.count, allowedReservedBits: allowedReservedBits, role: role)
}

/// A header as an endpoint writes it to `role`.
private func encode<Role: EndpointRole>(
  _ firstByte: UInt8, _ count: Int, key: UInt32, to role: Role.Type
) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: FrameHeader.maximumByteCount) { buffer, byteCount in
    let start = UnsafeMutableRawPointer(buffer.baseAddress!)
    byteCount =
      role.receivesMaskedFrames
      ? FrameHeader.writeClient(firstByte, payloadByteCount: count, maskingKey: key, to: start)
      : FrameHeader.writeServer(firstByte, payloadByteCount: count, to: start)
  }
}

@Suite("RFC 6455 §5.2: the header of a frame")
struct FrameHeaderTests {
  private static let boundaries = [
    0, 1, 2, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 1 << 31 - 1, 1 << 31,
    1 << 32 - 1, 1 << 32, 1 << 62, .max,
  ]

  @Test(arguments: boundaries)
  func lengthsAtTheBoundaries(count: Int) {
    let frame = TestFrame.binary([]).with { $0.declaredByteCount = UInt64(count) }
    let bytes = frame.bytes(to: ServerRole.self)
    let size = count < 126 ? 6 : count < 65_536 ? 8 : 14
    #expect(bytes.count == size)
    // The key is kept as it lies in memory.
    let key = frame.maskingKey.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    let expected = FrameHeader(
      firstByte: 0x82, payloadByteCount: count, maskingKey: key, headerByteCount: size)
    #expect(decode(bytes, as: ServerRole.self) == .complete(expected))
    #expect(encode(0x82, count, key: key, to: ServerRole.self) == bytes)

    let unmasked = frame.bytes(to: ClientRole.self)
    let header = FrameHeader(
      firstByte: 0x82, payloadByteCount: count, headerByteCount: size - 4)
    #expect(decode(unmasked, as: ClientRole.self) == .complete(header))
    #expect(encode(0x82, count, key: key, to: ClientRole.self) == unmasked)
    #expect(FrameHeader.serverByteCount(forPayload: count) == size - 4)
  }

  /// A part of a header asks for just what is known to be missing.
  @Test(arguments: boundaries)
  func incompleteHeaders(count: Int) {
    let frame = TestFrame.binary([]).with { $0.declaredByteCount = UInt64(count) }
    let masked = frame.bytes(to: ServerRole.self)
    for received in 0..<masked.count {
      let needed = received < 2 ? 2 : masked.count
      #expect(
        decode(Array(masked[..<received]), as: ServerRole.self)
          == .incomplete(neededByteCount: needed))
    }
    let unmasked = frame.bytes(to: ClientRole.self)
    for received in 0..<unmasked.count {
      let needed = received < 2 ? 2 : unmasked.count
      #expect(
        decode(Array(unmasked[..<received]), as: ClientRole.self)
          == .incomplete(neededByteCount: needed))
    }
  }

  /// Each first byte that there is.
  @Test func everyFirstByte() {
    for first in UInt8.min...UInt8.max {
      let opcode = Opcode(rawValue: first & 0x0F)
      let bits = first >> 4 & 0x7
      let expected: FrameHeaderDecoding =
        if bits != 0 {
          .violation(.reservedBits(bits))
        } else if let opcode {
          opcode.isControl && first & 0x80 == 0
            ? .violation(.fragmentedControlFrame(opcode))
            : .complete(FrameHeader(firstByte: first, headerByteCount: 2))
        } else {
          .violation(.reservedOpcode(first & 0x0F))
        }
      #expect(decode([first, 0], as: ClientRole.self) == expected)
      // The first byte alone is enough to refuse it.
      if case .violation = expected {
        #expect(decode([first], as: ClientRole.self) == expected)
      } else {
        #expect(decode([first], as: ClientRole.self) == .incomplete(neededByteCount: 2))
      }
    }
  }

  @Test func everyFirstByteBesideAnExtension() {
    for first in UInt8.min...UInt8.max {
      let decoding = decode([first, 0], allowedReservedBits: 0x40, as: ClientRole.self)
      let isReserved = Opcode(rawValue: first & 0x0F) == nil
      let isControl = first & 0x08 != 0
      let isFragment = first & 0x80 == 0
      let isLawful =
        first & 0x30 == 0 && !isReserved && !(isControl && (isFragment || first & 0x40 != 0))
      let header = FrameHeader(firstByte: first, headerByteCount: 2)
      #expect((decoding == .complete(header)) == isLawful, "\(first)")
    }
  }

  /// Masked where it must not be, unmasked where it must: known with the second byte.
  @Test(arguments: UInt8.min...UInt8.max)
  func everySecondByte(second: UInt8) {
    let server = decode([0x81, second], as: ServerRole.self)
    let client = decode([0x81, second], as: ClientRole.self)
    #expect((server == .violation(.unmaskedFrame)) == (second < 0x80))
    #expect((client == .violation(.maskedFrame)) == (second >= 0x80))
  }

  @Test(
    arguments: [
      ([0x81, 0x7E, 0, 125], .lengthNotMinimal(125)), ([0x81, 0x7E, 0, 0], .lengthNotMinimal(0)),
      ([0x81, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .lengthNotMinimal(65_535)),
      ([0x81, 0x7F, 0, 0, 0, 0, 0, 0, 0, 0], .lengthNotMinimal(0)),
      ([0x81, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0], .lengthAbove63Bits),
      ([0x81, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .lengthAbove63Bits),
      ([0x88, 0x7E], .controlFrameTooLong(.close)), ([0x89, 0x7F], .controlFrameTooLong(.ping)),
    ] as [([UInt8], ProtocolViolation)])
  func unlawfulLengths(bytes: [UInt8], violation: ProtocolViolation) {
    #expect(decode(bytes, as: ClientRole.self) == .violation(violation))
    // Masked, the same is refused without waiting for the key.
    var masked = bytes
    masked[1] |= 0x80
    #expect(decode(masked, as: ServerRole.self) == .violation(violation))
  }

  @Test func propertiesOfTheFirstByte() {
    let header = FrameHeader(firstByte: 0x09)
    #expect(!header.isFinal)
    #expect(header.opcode == .ping)
    #expect(FrameHeader(firstByte: 0x82).isFinal)
    #expect(FrameHeader(firstByte: 0xC2).opcode == .binary)
    #expect(FrameHeader(firstByte: 0x83).opcode == .continuation)
  }

  @Test(arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20])
  func wholeFramesKnowTheirLength(count: Int) {
    let bytes = encode(0x82, count, key: 0, to: ClientRole.self)
    bytes.withUnsafeBytes {
      #expect(FrameHeader.serverFrameByteCount(at: $0.baseAddress!) == bytes.count + count)
    }
  }
}

@Suite("RFC 6455 §5.2: headers round trip")
struct FrameHeaderRoundTripTests {
  private func roundTrip<Role: EndpointRole>(_ seed: UInt64, _ role: Role.Type) {
    var random = SeededGenerator(seed: seed)
    let opcodes: [UInt8] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xA]
    for index in 0..<10_000 {
      let opcode = opcodes[Int.random(in: 0..<6, using: &random)]
      let isControl = opcode & 0x8 != 0
      let isFinal = isControl || Bool.random(using: &random)
      let bits: UInt8 = isControl ? 0 : UInt8.random(in: 0...7, using: &random) << 4
      // As many short lengths as long ones.
      let magnitude = Int.random(in: 0...62, using: &random)
      let count =
        isControl
        ? Int.random(in: 0...125, using: &random)
        : Int.random(in: 0...(1 << magnitude), using: &random)
      let first = (isFinal ? 0x80 : 0) | bits | opcode
      let key = role.receivesMaskedFrames ? UInt32.random(in: 0 ... .max, using: &random) : 0
      let bytes = encode(first, count, key: key, to: role)
      let expected = FrameHeader(
        firstByte: first, payloadByteCount: count, maskingKey: key, headerByteCount: bytes.count)
      let decoded = decode(bytes, allowedReservedBits: 0x70, as: role)
      if decoded != .complete(expected) {
        Issue.record("seed \(seed), header \(index): \(decoded) instead of \(expected)")
        return
      }
    }
  }

  @Test(arguments: [1, 2])
  func toAServer(seed: UInt64) { roundTrip(seed, ServerRole.self) }

  @Test(arguments: [3, 4])
  func toAClient(seed: UInt64) { roundTrip(seed, ClientRole.self) }

  /// Any bytes at all are refused, incomplete, or a header that is written the same way.
  @Test(arguments: [5, 6])
  func anyBytes(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for index in 0..<10_000 {
      let bytes = (0..<Int.random(in: 1...14, using: &random)).map { _ in
        // Bytes with few bits set make headers more often.
        UInt8.random(in: 0...255, using: &random) & UInt8.random(in: 0...255, using: &random)
      }
      switch decode(bytes, as: ServerRole.self) {
      case .violation: break
      case .incomplete(let needed):
        if needed <= bytes.count || needed > FrameHeader.maximumByteCount {
          Issue.record("seed \(seed), bytes \(index): \(needed) needed of \(bytes.count)")
        }
      case .complete(let header):
        let written = encode(
          header.firstByte, header.payloadByteCount, key: header.maskingKey, to: ServerRole.self)
        if written != Array(bytes.prefix(header.headerByteCount)) {
          Issue.record("seed \(seed), bytes \(index): \(bytes) became \(written)")
        }
      }
    }
  }
}
