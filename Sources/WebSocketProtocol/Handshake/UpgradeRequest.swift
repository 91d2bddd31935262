// What is kept of an opening handshake once it has been read, and how much of it may be there.

/// The bounds of one opening handshake.
public struct HandshakeLimits: Sendable, Equatable {
  /// Of the request line and all header fields with the blank line, in bytes.
  public var maximumRequestByteCount: Int
  /// Header fields in one head, repeated ones counted each; more are refused with 431.
  public var maximumHeaderFieldCount: Int
  /// Of the path without its query, in bytes; a longer one is refused with 414.
  public var maximumPathByteCount: Int
  /// What is kept of User-Agent, in bytes; an Origin that is longer is refused, never cut.
  public var maximumRecordedHeaderByteCount: Int

  /// Subprotocols, and likewise extensions, in one request.
  public static let maximumOfferCount = 64
  /// Of a host name with its port, in bytes: a domain name of 255 (RFC 1035 §2.3.4), colon, port.
  public static let maximumHostByteCount = 261

  /// The given bounds; those left out are what a relay without configuration has.
  public init(
    maximumRequestByteCount: Int = 8192, maximumHeaderFieldCount: Int = 100,
    maximumPathByteCount: Int = 1024, maximumRecordedHeaderByteCount: Int = 256
  ) {
    self.maximumRequestByteCount = maximumRequestByteCount
    self.maximumHeaderFieldCount = maximumHeaderFieldCount
    self.maximumPathByteCount = maximumPathByteCount
    self.maximumRecordedHeaderByteCount = maximumRecordedHeaderByteCount
  }
}

/// A valid request to open a WebSocket connection (RFC 6455 §4.2.1), ready to be decided upon.
public struct UpgradeRequest: Sendable, Equatable {
  /// As sent, without the query: not decoded, not normalised; begins with a slash.
  public var path: String
  /// What follows the first question mark, as sent; empty if there is none.
  public var query: String
  /// The whole Origin value; empty if the request has none, which no browser leaves out.
  public var origin: String
  /// Capped at `maximumRecordedHeaderByteCount`; empty if absent.
  public var userAgent: String
  /// The Sec-WebSocket-Accept value that answers the request's key.
  public var acceptKey: AcceptKey
  /// Offered subprotocols in the client's order of preference, without duplicates.
  public var subprotocols: [String]
  /// Offered extensions in the client's order of preference.
  public var extensions: [ExtensionOffer]
  /// Whom proxies say the request came from, the client's end first, as text and capped: Forwarded
  /// (RFC 7239), else X-Forwarded-For. Whoever sends the request may have written any of it.
  public var forwardedFor: [String]

  /// A request by its parts, for whoever does not have it from the wire.
  public init(
    path: String, query: String = "", origin: String = "", userAgent: String = "",
    acceptKey: AcceptKey, subprotocols: [String] = [],
    extensions: [ExtensionOffer] = [], forwardedFor: [String] = []
  ) {
    self.path = path
    self.query = query
    self.origin = origin
    self.userAgent = userAgent
    self.acceptKey = acceptKey
    self.subprotocols = subprotocols
    self.extensions = extensions
    self.forwardedFor = forwardedFor
  }
}
