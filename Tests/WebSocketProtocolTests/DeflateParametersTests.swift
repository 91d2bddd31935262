// The negotiation of permessage-deflate (RFC 7692 §7.1), offer by offer.

import Testing

@testable import WebSocketProtocol

@Suite("RFC 7692 §7.1 negotiation")
struct DeflateParametersTests {
  private static let withContext = DeflatePreference.withContext(maximumWindowBits: 12)

  /// The response to a header field with these offers; nil: none.
  private static func response(_ offers: String, _ preference: DeflatePreference) throws -> String?
  {
    let bytes = Array(offers.utf8)
    let parsed = try bytes.withUnsafeBytes { try ExtensionOffer.parseList(HeadSlice($0)) }
    return DeflateParameters.negotiate(parsed, preference)?.response.description
  }

  @Test(
    "Without a context both ends begin each message afresh",
    arguments: [
      ("permessage-deflate", ""),
      ("permessage-deflate; client_max_window_bits", ""),
      ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", ""),
      ("Permessage-Deflate; CLIENT_MAX_WINDOW_BITS=9", ""),
      ("permessage-deflate; server_max_window_bits=10", "; server_max_window_bits=10"),
      ("permessage-deflate; server_max_window_bits=\"10\"", "; server_max_window_bits=10"),
    ])
  func withoutContext(offer: String, rest: String) throws {
    #expect(
      try Self.response(offer, .withoutContext)
        == "permessage-deflate; server_no_context_takeover; client_no_context_takeover\(rest)")
  }

  @Test(
    "With a context the windows are limited, the client's only if it may be",
    arguments: [
      ("permessage-deflate", "; server_max_window_bits=12"),
      (
        "permessage-deflate; client_max_window_bits",
        "; server_max_window_bits=12; client_max_window_bits=12"
      ),
      (
        "permessage-deflate; client_max_window_bits=9; server_max_window_bits=15",
        "; server_max_window_bits=12; client_max_window_bits=9"
      ),
      ("permessage-deflate; server_max_window_bits=9", "; server_max_window_bits=9"),
      (
        "permessage-deflate; server_no_context_takeover",
        "; server_no_context_takeover; server_max_window_bits=12"
      ),
      (
        "permessage-deflate; client_no_context_takeover",
        "; client_no_context_takeover; server_max_window_bits=12"
      ),
    ])
  func keepingContext(offer: String, rest: String) throws {
    #expect(try Self.response(offer, Self.withContext) == "permessage-deflate\(rest)")
  }

  @Test(
    "An offer that breaks the rules is declined",
    arguments: [
      "x-webkit-deflate-frame", "permessage-deflate; unknown", "permessage-deflate; unknown=1",
      "permessage-deflate; server_no_context_takeover=1",
      "permessage-deflate; client_no_context_takeover=true",
      "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
      "permessage-deflate; server_max_window_bits",
      "permessage-deflate; server_max_window_bits=7",
      "permessage-deflate; server_max_window_bits=8",
      "permessage-deflate; server_max_window_bits=16",
      "permessage-deflate; server_max_window_bits=010",
      "permessage-deflate; server_max_window_bits=+10",
      "permessage-deflate; client_max_window_bits=7",
      "permessage-deflate; client_max_window_bits=16",
      "permessage-deflate; client_max_window_bits=08",
      "permessage-deflate; client_max_window_bits=99999999999999999999",
      "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    ])
  func declined(offer: String) throws {
    #expect(try Self.response(offer, .withoutContext) == nil)
    #expect(try Self.response(offer, Self.withContext) == nil)
  }

  @Test("The first offer that can be taken is taken")
  func firstAcceptable() throws {
    let offers =
      "other; a=b, permessage-deflate; server_max_window_bits=8, "
      + "permessage-deflate; server_max_window_bits=11, permessage-deflate"
    #expect(
      try Self.response(offers, Self.withContext) == "permessage-deflate; server_max_window_bits=11"
    )
  }
}
