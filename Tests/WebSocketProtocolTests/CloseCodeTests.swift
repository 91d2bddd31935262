// Which close codes may be on the wire, and what they are called: all 65,536 of them.

import Testing

@testable import WebSocketProtocol

@Suite("RFC 6455 §7.4: close codes")
struct CloseCodeTests {
  /// The codes an endpoint may send, from the registry of July 2025 and RFC 6455 §7.4.2.
  private static let lawful = Set(
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
      + Array(3000...4999) as [UInt16])

  @Test func everyCode() {
    let wrong = (UInt16.min...UInt16.max).filter {
      CloseCode(rawValue: $0).isLegalOnTheWire != Self.lawful.contains($0)
    }
    #expect(wrong == [])
  }

  /// Those that only say how a connection ended (RFC 6455 §7.4.1).
  @Test(arguments: [CloseCode.noStatusReceived, .abnormalClosure, .tlsHandshake])
  func neverOnTheWire(code: CloseCode) {
    #expect(!code.isLegalOnTheWire)
  }

  @Test(
    arguments: [
      (.normalClosure, 1000, "Normal Closure"), (.goingAway, 1001, "Going Away"),
      (.protocolError, 1002, "Protocol Error"), (.unsupportedData, 1003, "Unsupported Data"),
      (CloseCode(rawValue: 1004), 1004, "Reserved"),
      (.noStatusReceived, 1005, "No Status Received"),
      (.abnormalClosure, 1006, "Abnormal Closure"), (.invalidPayload, 1007, "Invalid Payload"),
      (.policyViolation, 1008, "Policy Violation"), (.messageTooBig, 1009, "Message Too Big"),
      (.mandatoryExtension, 1010, "Mandatory Extension"),
      (.internalError, 1011, "Internal Error"), (.serviceRestart, 1012, "Service Restart"),
      (.tryAgainLater, 1013, "Try Again Later"), (.badGateway, 1014, "Bad Gateway"),
      (.tlsHandshake, 1015, "TLS Handshake"), (.unauthorized, 3000, "Unauthorized"),
      (.forbidden, 3003, "Forbidden"), (.timeout, 3008, "Timeout"),
    ] as [(CloseCode, UInt16, String)])
  func registered(code: CloseCode, number: UInt16, name: String) {
    #expect(code.rawValue == number)
    #expect(code.name == name)
  }

  @Test(
    arguments: [
      (0, "Unassigned"), (999, "Unassigned"), (1016, "Unassigned"), (2999, "Unassigned"),
      (3001, "Registered"), (3999, "Registered"), (4000, "Private Use"), (4999, "Private Use"),
      (5000, "Unassigned"), (65_535, "Unassigned"),
    ] as [(UInt16, String)])
  func ranges(number: UInt16, name: String) {
    #expect(CloseCode(rawValue: number).name == name)
  }
}
