// What a violation says of itself: the code it earns, and words that fit into a Close frame.

import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §7.4.1: the close code of a violation")
struct ProtocolViolationTests {
  private static let expected: [(ProtocolViolation, CloseCode, keepsFraming: Bool, String)] = [
    (.reservedBits(7), .protocolError, false, "(RFC 6455 5.2)"),
    (.reservedOpcode(15), .protocolError, false, "(RFC 6455 5.2)"),
    (.unmaskedFrame, .protocolError, false, "(RFC 6455 5.1)"),
    (.maskedFrame, .protocolError, false, "(RFC 6455 5.1)"),
    (.fragmentedControlFrame(.close), .protocolError, false, "(RFC 6455 5.5)"),
    (.controlFrameTooLong(.ping), .protocolError, false, "(RFC 6455 5.5)"),
    (.lengthNotMinimal(65_535), .protocolError, false, "(RFC 6455 5.2)"),
    (.lengthAbove63Bits, .protocolError, false, "(RFC 6455 5.2)"),
    (.unexpectedContinuation, .protocolError, true, "(RFC 6455 5.4)"),
    (.expectedContinuation(.binary), .protocolError, true, "(RFC 6455 5.4)"),
    (.closePayloadOfOneByte, .protocolError, false, "(RFC 6455 5.5.1)"),
    (.illegalCloseCode(65_535), .protocolError, false, "(RFC 6455 7.4)"),
    (.invalidUTF8InText, .invalidPayload, true, "(RFC 6455 8.1)"),
    (.invalidUTF8InCloseReason, .invalidPayload, false, "(RFC 6455 5.5.1)"),
    (.messageTooBig(maximumByteCount: .max - 1, byteCount: .max), .messageTooBig, true, ""),
  ]

  @Test(arguments: expected.indices)
  func everyViolation(index: Int) {
    let (violation, code, keepsFraming, section) = Self.expected[index]
    #expect(violation.closeCode == code)
    #expect(violation.keepsFraming == keepsFraming)
    #expect(violation.description.hasSuffix(section))
    #expect(violation.description.utf8.count <= CloseFrame.maximumReasonByteCount)
    #expect(violation.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
  }

  @Test func theLimitIsNamed() {
    let violation = ProtocolViolation.messageTooBig(maximumByteCount: 10, byteCount: 11)
    #expect(violation.description == "message of 11 bytes, limit 10")
  }
}
