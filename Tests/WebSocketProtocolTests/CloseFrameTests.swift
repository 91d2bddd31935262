// The payload of a Close frame, read and written.

import RelayTestSupport
import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §5.5.1: the payload of Close")
struct CloseFrameTests {
  private func read(_ payload: [UInt8]) throws(ProtocolViolation) -> CloseFrame {
    // Without rethrowing of typed errors by withUnsafeBytes, a result carries them out.
    try payload.withUnsafeBytes { buffer -> Result<CloseFrame, ProtocolViolation> in
      do throws(ProtocolViolation) {
        return .success(try CloseFrame(payload: buffer))
      } catch {
        return .failure(error)
      }
    }.get()
  }

  @Test func empty() throws {
    #expect(try read([]) == CloseFrame(code: nil))
    #expect(try CloseFrame(payload: UnsafeRawBufferPointer(start: nil, count: 0)).code == nil)
    #expect(CloseFrame(code: nil).payload == [])
    // A reason needs a code in front of it.
    #expect(CloseFrame(code: nil, reason: "unsaid").payload == [])
  }

  @Test(arguments: UInt8.min...UInt8.max)
  func oneByte(byte: UInt8) {
    #expect(throws: ProtocolViolation.closePayloadOfOneByte) { try read([byte]) }
  }

  /// Every code, on its own and with a reason.
  @Test func everyCode() {
    var wrong: [UInt16] = []
    for number in UInt16.min...UInt16.max {
      let code = CloseCode(rawValue: number)
      let payload = [UInt8(number >> 8), UInt8(number & 0xFF)]
      for reason in ["", "é"] {
        let frame = try? read(payload + Array(reason.utf8))
        let expected = code.isLegalOnTheWire ? CloseFrame(code: code, reason: reason) : nil
        if frame != expected { wrong.append(number) }
      }
    }
    #expect(wrong == [])
  }

  @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535] as [UInt16])
  func anUnlawfulCodeIsNamed(number: UInt16) {
    let payload = [UInt8(number >> 8), UInt8(number & 0xFF)]
    // The code comes first, so it is what is wrong even if the reason is, too.
    for reason in [[], [0xFF]] as [[UInt8]] {
      #expect(throws: ProtocolViolation.illegalCloseCode(number)) { try read(payload + reason) }
    }
  }

  @Test(arguments: ["", "a", "é", "€", "😀", "\u{0}", String(repeating: "r", count: 123)])
  func reasonsReadWhatWasWritten(reason: String) throws {
    let frame = CloseFrame(code: .goingAway, reason: reason)
    #expect(frame.payload == [3, 233] + Array(reason.utf8))
    #expect(try read(frame.payload) == frame)
  }

  @Test(
    arguments: [
      [0x80], [0xC3], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80],
      [0x61, 0xFF], [UInt8](repeating: 0x61, count: 122) + [0xC3],
    ] as [[UInt8]])
  func reasonsThatAreNoText(reason: [UInt8]) {
    #expect(throws: ProtocolViolation.invalidUTF8InCloseReason) { try read([3, 232] + reason) }
  }

  /// A reason is cut where a character ends, at 123 bytes or up to three before.
  @Test(arguments: ["x", "é", "€", "😀"], 0...4)
  func longReasonsAreCut(character: String, shift: Int) throws {
    let reason = String(repeating: "-", count: shift) + String(repeating: character, count: 130)
    let payload = CloseFrame(code: .normalClosure, reason: reason).payload
    let kept = try read(payload).reason
    #expect(reason.hasPrefix(kept))
    #expect(kept.utf8.count <= CloseFrame.maximumReasonByteCount)
    #expect(kept.utf8.count > CloseFrame.maximumReasonByteCount - character.utf8.count)
  }

  /// Nothing is left out to make room for something shorter behind it.
  @Test func whatFollowsTheCutIsGone() throws {
    let reason = String(repeating: "x", count: 122) + "éy"
    let payload = CloseFrame(code: .normalClosure, reason: reason).payload
    #expect(try read(payload).reason == String(repeating: "x", count: 122))
  }
}
