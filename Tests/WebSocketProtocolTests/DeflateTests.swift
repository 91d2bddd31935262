// permessage-deflate on messages (RFC 7692 §7.2): the RFC's own examples, round trips, bounds.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 7692 §7.2 messages")
struct DeflateTests {
  /// The payload of a message, or what is wrong with it.
  enum Outcome: Equatable {
    case payload([UInt8], isPlain: Bool)
    case tooBig, invalid
  }

  static func inflate(
    _ bytes: [UInt8], with inflater: Inflater, maximum: Int = 1 << 20, keepsContext: Bool = false
  ) -> Outcome {
    var pool = BlockPool(maximumPooledByteCount: 0)
    defer { #expect(pool.lentCount == 0) }
    let result = bytes.withUnsafeBytes { input in
      let start = input.baseAddress ?? UnsafeRawPointer(bitPattern: 16)!
      return inflater.inflate(
        start, input.count, maximumByteCount: maximum, keepsContext: keepsContext, pool: &pool)
    }
    switch result {
    case .tooBig: return .tooBig
    case .invalid: return .invalid
    case .inflated(let block, let isPlain):
      let payload = Array(
        UnsafeRawBufferPointer(start: block.bytes, count: block.pointee.end))
      pool.put(block)
      return .payload(payload, isPlain: isPlain)
    }
  }

  static func deflate(
    _ payload: [UInt8], with deflater: Deflater, keepsContext: Bool = false
  ) -> [UInt8] {
    let room = deflater.maximumByteCount(forPayload: payload.count)
    return withUnsafeTemporaryAllocation(byteCount: room, alignment: 16) { output in
      let count = payload.withUnsafeBytes {
        deflater.deflate(
          $0.baseAddress ?? UnsafeRawPointer(bitPattern: 16)!, $0.count,
          to: output.baseAddress!, keepsContext: keepsContext)
      }
      return Array(output[..<count])
    }
  }

  static let hello = Array("Hello".utf8)

  @Test(
    "The examples of RFC 7692 §7.2.3, each a message \"Hello\"",
    arguments: [
      ("§7.2.3.1 one block", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], true),
      ("§7.2.3.3 no compression", [0x00, 0x05, 0x00, 0xFA, 0xFF] + hello + [0x00], true),
      ("§7.2.3.4 a last block", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], false),
      (
        "§7.2.3.5 two blocks",
        [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], true
      ),
    ])
  func examples(name: String, bytes: [UInt8], isPlain: Bool) throws {
    let inflater = try #require(Inflater(windowBits: 15))
    defer { inflater.release() }
    for _ in 0..<2 {
      #expect(
        Self.inflate(bytes, with: inflater) == .payload(Self.hello, isPlain: isPlain), "\(name)")
    }
  }

  @Test("§7.2.3.2: the second \"Hello\" refers to the first, if the context is kept")
  func sharedContext() throws {
    let inflater = try #require(Inflater(windowBits: 15))
    defer { inflater.release() }
    let first: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
    let second: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]
    #expect(Self.inflate(first, with: inflater) == .payload(Self.hello, isPlain: true))
    #expect(
      Self.inflate(second, with: inflater, keepsContext: true)
        == .payload(Self.hello, isPlain: true))
    #expect(Self.inflate(second, with: inflater) == .invalid)
  }

  @Test("An empty message, in the form that senders give it")
  func empty() throws {
    let inflater = try #require(Inflater(windowBits: 15))
    defer { inflater.release() }
    #expect(Self.inflate([0x00], with: inflater) == .payload([], isPlain: true))
    #expect(Self.inflate([0x02, 0x00], with: inflater) == .payload([], isPlain: true))
    #expect(Self.inflate([0x01], with: inflater) == .payload([], isPlain: false))
    #expect(Self.inflate([], with: inflater) == .invalid)
  }

  @Test("What goes through both comes out as it was", arguments: [9, 10, 12, 15])
  func roundTrip(windowBits: Int) throws {
    let deflater = try #require(Deflater(windowBits: windowBits, memoryLevel: 5))
    let inflater = try #require(Inflater(windowBits: windowBits))
    defer {
      deflater.release()
      inflater.release()
    }
    var random = SeededGenerator(seed: UInt64(windowBits))
    for keepsContext in [false, true] {
      for count in [0, 1, 63, 64, 125, 126, 1000, 4096, 65_535, 65_536, 200_000] {
        for alphabet: UInt8 in [1, 4, 255] {
          let payload = (0..<count).map { _ in UInt8.random(in: 0...alphabet, using: &random) }
          let compressed = Self.deflate(payload, with: deflater, keepsContext: keepsContext)
          let outcome = Self.inflate(
            compressed, with: inflater, keepsContext: keepsContext)
          #expect(outcome == .payload(payload, isPlain: true), "\(count) bytes")
        }
      }
    }
  }

  @Test("The maximum is exact, and a bomb never gets beyond it", arguments: [1000, 65_536])
  func bounds(maximum: Int) throws {
    let deflater = try #require(Deflater(windowBits: 15, memoryLevel: 8))
    let inflater = try #require(Inflater(windowBits: 15))
    defer {
      deflater.release()
      inflater.release()
    }
    for (count, isTooBig) in [(maximum, false), (maximum + 1, true), (maximum * 1000, true)] {
      let payload = [UInt8](repeating: 0x61, count: count)
      let outcome = Self.inflate(
        Self.deflate(payload, with: deflater), with: inflater, maximum: maximum)
      #expect(outcome == (isTooBig ? .tooBig : .payload(payload, isPlain: true)))
    }
  }

  @Test("Damaged and cut messages are invalid or other messages, never a fault")
  func damage() throws {
    let deflater = try #require(Deflater(windowBits: 15, memoryLevel: 8))
    let inflater = try #require(Inflater(windowBits: 15))
    defer {
      deflater.release()
      inflater.release()
    }
    var random = SeededGenerator(seed: 7692)
    let text = Array("the quick brown fox jumps over the lazy dog; ".utf8)
    let good = Self.deflate([UInt8](repeatElement(text, count: 40).joined()), with: deflater)
    for cut in 0..<good.count {
      #expect(
        Self.inflate(Array(good[..<cut]), with: inflater, maximum: 4096) == .invalid,
        "cut after \(cut) bytes")
    }
    for _ in 0..<5000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
      }
      _ = Self.inflate(bytes, with: inflater, maximum: 4096)
      let noise = (0..<Int.random(in: 0...64, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      _ = Self.inflate(noise, with: inflater, maximum: 4096)
    }
    #expect(Self.inflate([0x07], with: inflater) == .invalid, "a reserved block type")
    // After all that the stream still works.
    #expect(
      Self.inflate(Self.deflate(text, with: deflater), with: inflater)
        == .payload(text, isPlain: true))
  }

  @Test("Many last blocks behind each other end like any message")
  func manyLastBlocks() throws {
    let inflater = try #require(Inflater(windowBits: 15))
    defer { inflater.release() }
    let block: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
    let bytes = [UInt8](repeatElement(block, count: 100).joined()) + [0x00]
    let expected = [UInt8](repeatElement(Self.hello, count: 100).joined())
    #expect(Self.inflate(bytes, with: inflater) == .payload(expected, isPlain: false))
    #expect(Self.inflate(bytes, with: inflater, maximum: 499) == .tooBig)
  }
}
