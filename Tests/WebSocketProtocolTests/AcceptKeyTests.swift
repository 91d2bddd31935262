// Sec-WebSocket-Accept: the RFC's own example, other keys and digests computed elsewhere, and what
// passes for a key.

import CSHA1
import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §4.2.2: Sec-WebSocket-Accept")
struct AcceptKeyTests {
  @Test(
    arguments: [
      ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
      ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
      ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
      ("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="),
      ("AQIDBAUGBwgJCgsMDQ4PEA==", "C/0nmHhBztSRGR1CwL6Tf4ZjwpY="),
    ])
  func knownAnswer(key: String, accept: String) {
    let text = AcceptKey(to: Array(key.utf8)).text
    #expect(withUnsafeBytes(of: text) { String(decoding: $0, as: UTF8.self) } == accept)
  }

  @Test func keyInAReceiveBuffer() {
    let key = Array("dGhlIHNhbXBsZSBub25jZQ==".utf8)
    let accept = key.withUnsafeBytes { AcceptKey(to: $0) }
    #expect(accept == AcceptKey(to: key))
    #expect(accept != AcceptKey(to: Array("dGhlIHNhbXBsZSBub25jZQ=A".utf8)))
    let text = Array("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".utf8)
    #expect(text.withUnsafeBytes { accept.isText($0) })
    #expect(!text.dropLast().withUnsafeBytes { accept.isText($0) })
  }

  /// Around the lengths where padding needs another block; byte `i` of a message is `7i + 3`.
  @Test(
    arguments: [
      (0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
      (1, "9842926af7ca0a8cca12604f945414f07b01e13d"),
      (3, "4201de9f98cb0a9b8cf52398be7802b55d45266a"),
      (55, "ddf57317ef34bfee3b6df83d359098930eb278bc"),
      (56, "a0d492bb0fc889d0eca3bc137066ab6f4f74f369"),
      (57, "11a02dcf95859677a62e75024067c22b165d890f"),
      (63, "c55856749bef509bdfe6bfebfc7bf4e793e82132"),
      (64, "bede92be29c3874e1b54ddc77988d606fc857a8e"),
      (65, "b05a80522b053d6dc7e0a517d0e70212c7dad11f"),
      (119, "504e27376a6e0f0dba8295b85cb25dc4dfa17d23"),
      (120, "82134b02fb3f702491be9bed581eeab59334acb2"),
      (128, "a09133e6730ffe899efb70204cb5646cd5dc24ee"),
      (1000, "4231a8a50a10fa9758db8ec71fdef855b751048a"),
    ])
  func digest(byteCount: Int, expected: String) {
    let message = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
    let digest = message.withUnsafeBytes { SHA1.digest(of: $0) }
    let text = (0..<20).map { index in
      let digits = String(digest[index], radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
    #expect(text == expected)
  }

  @Test(
    "The CPU's own instructions come to the same as the portable code",
    .enabled(if: csha1_has_instructions(), "this CPU has no instructions for SHA-1"))
  func implementations() {
    var generator = SeededGenerator(seed: 20)
    for blockCount in [0, 1, 2, 3, 17] {
      for misalignment in 0..<4 {
        let bytes = (0..<(64 * blockCount + misalignment)).map { _ in
          UInt8.random(in: .min ... .max, using: &generator)
        }
        var portable = (0..<5).map { _ in UInt32.random(in: .min ... .max, using: &generator) }
        var special = portable
        bytes.withUnsafeBytes {
          let blocks = UnsafeRawBufferPointer(rebasing: $0[misalignment...]).baseAddress
          csha1_take_portable(&portable, blocks, blockCount)
          csha1_take_by_instructions(&special, blocks, blockCount)
        }
        #expect(special == portable, "\(blockCount) blocks from \(misalignment)")
      }
    }
  }
}

@Suite("RFC 6455 §4.2.1: Sec-WebSocket-Key is 16 bytes in base64")
struct KeyBase64Tests {
  @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
  func encodes(bytes: String, text: String) {
    #expect(Base64.encode(Array(bytes.utf8)) == Array(text.utf8))
  }

  @Test func everyLastByteOfAKeyIsRecognised() {
    for byte in UInt8.min...UInt8.max {
      let key = Base64.encode([UInt8](repeating: 0xA5, count: 15) + [byte])
      #expect(key.withUnsafeBytes { Base64.isSixteenBytes($0) })
    }
  }

  @Test func everyByteAtEveryPlaceOfAKey() {
    let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    // RFC 4648 §3.5: the last of 22 characters carries four bits more than there are.
    let last = Set("AQgw".utf8)
    for place in 0..<24 {
      for byte in UInt8.min...UInt8.max {
        var key = Array("dGhlIHNhbXBsZSBub25jZQ==".utf8)
        key[place] = byte
        let expected =
          place >= 22 ? byte == UInt8(ascii: "=") : (place == 21 ? last : alphabet).contains(byte)
        #expect(key.withUnsafeBytes { Base64.isSixteenBytes($0) } == expected, "\(place) \(byte)")
      }
    }
  }

  @Test(
    arguments: [
      "", "==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
      "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ=A", "dGhlIHNhbXBsZSBub25=ZQ==",
      "dGhlIHNhbXBsZSBub2 jZQ==", "dGhlIHNhbXBsZSBub2-jZQ==", "dGhlIHNhbXBsZSBub2_jZQ==",
      "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZQA=", "Zm9v",
      "dGhlIHNhbXBsZSBub25jZWVlZWVl", "dGhlIHNhbXBsZSBub25j\u{0}Q==", "dGhlIHNhbXBsZSBub25jw6k==",
    ])
  func refuses(text: String) {
    #expect(!Array(text.utf8).withUnsafeBytes { Base64.isSixteenBytes($0) })
  }
}
