// The head of a request while it is read: what an opening handshake needs of it, as slices of the
// receive buffer, and the rules of RFC 6455 §4.2.1 that the whole head must meet.

/// The parts of a request head that decide about an upgrade, valid as long as the bytes they
/// came from.
struct RequestHead {
  /// Without the query.
  var path = HeadSlice(start: nil, count: 0)
  var query = HeadSlice(start: nil, count: 0)
  private var fieldCount = 0
  private var host = SingleField()
  private var key = SingleField()
  private var version = SingleField()
  private var origin = SingleField()
  private var userAgent = SingleField()
  private var hasUpgrade = false
  private var upgradesToWebSocket = false
  private var connectionUpgrades = false
  private var subprotocols: [String] = []
  private var extensions: [ExtensionOffer] = []
  private var forwardedFor = ForwardedFor()

  /// Takes the next header field.
  mutating func take(_ field: FieldLine, limits: HandshakeLimits) throws(HTTPFault) {
    fieldCount += 1
    guard fieldCount <= limits.maximumHeaderFieldCount else {
      throw HTTPFault(431, "more than \(limits.maximumHeaderFieldCount) header fields")
    }
    let value = field.value
    switch RequestField(field.name) {
    case .host: host.take(value)
    case .upgrade:
      hasUpgrade = true
      for element in value.listElements where element.isTextIgnoringCase("websocket") {
        upgradesToWebSocket = true
      }
    case .connection:
      for element in value.listElements where element.isTextIgnoringCase("upgrade") {
        connectionUpgrades = true
      }
    case .key: key.take(value)
    case .version: version.take(value)
    case .origin: try takeOrigin(value, limits: limits)
    case .userAgent: userAgent.take(value)
    case .subprotocol: try takeSubprotocols(value)
    case .extensions: try takeExtensions(value)
    case .contentLength:
      // Bytes after the head are frames; whoever announces a body means them to be something else.
      guard !value.isEmpty, value.allSatisfy({ $0 == UInt8(ascii: "0") }) else {
        throw HTTPFault(400, "Content-Length on a WebSocket request")
      }
    case .forwarded: forwardedFor.takeStandard(value)
    case .forwardedFor: forwardedFor.takeCustomary(value)
    case .transferEncoding: throw HTTPFault(400, "Transfer-Encoding on a WebSocket request")
    case nil: break
    }
  }

  private mutating func takeOrigin(
    _ value: HeadSlice, limits: HandshakeLimits
  ) throws(HTTPFault) {
    origin.take(value)
    guard !origin.isRepeated else { throw HTTPFault(400, "more than one Origin header field") }
    // Cutting an origin could make it match a route's list, so a long one is refused.
    guard value.count <= limits.maximumRecordedHeaderByteCount else {
      throw HTTPFault(431, "Origin longer than \(limits.maximumRecordedHeaderByteCount) bytes")
    }
    // RFC 6454 §7.1: an ASCII serialization or "null"; empty would pass for a client without one.
    guard !value.isEmpty, value.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw HTTPFault(400, "Origin is not the serialization of one origin")
    }
  }

  private mutating func takeSubprotocols(_ value: HeadSlice) throws(HTTPFault) {
    var isEmpty = true
    for element in value.listElements {
      isEmpty = false
      // RFC 6455 §4.1 item 10: each MUST be a token, and all MUST be unique; §11.3.4: over all
      // lines.
      guard HTTPSyntax.isToken(element) else {
        throw HTTPFault(400, "Sec-WebSocket-Protocol is not a list of tokens")
      }
      let name = element.text()
      guard !subprotocols.contains(name) else {
        throw HTTPFault(400, "a subprotocol is offered twice")
      }
      subprotocols.append(name)
      guard subprotocols.count <= HandshakeLimits.maximumOfferCount else {
        throw HTTPFault(400, "more than \(HandshakeLimits.maximumOfferCount) subprotocols")
      }
    }
    guard !isEmpty else { throw HTTPFault(400, "Sec-WebSocket-Protocol is empty") }
  }

  private mutating func takeExtensions(_ value: HeadSlice) throws(HTTPFault) {
    // RFC 6455 §9.1: a value that does not conform to the grammar fails the handshake; the field
    // may be split over lines.
    extensions += try ExtensionOffer.parseList(value)
    guard extensions.count <= HandshakeLimits.maximumOfferCount else {
      throw HTTPFault(400, "more than \(HandshakeLimits.maximumOfferCount) extensions")
    }
  }
}

extension RequestHead {
  /// The request, if the complete head is an opening handshake.
  func upgradeRequest(limits: HandshakeLimits) throws(HTTPFault) -> UpgradeRequest {
    // RFC 6455 §4.2.1 item 2, RFC 9112 §3.2: exactly one Host, and a valid one, even when the
    // target is absolute and overrides it.
    guard Authority.isValid(try host.required("Host")) else {
      throw HTTPFault(400, "Host is not a host name and port")
    }
    guard upgradesToWebSocket else {
      // RFC 6455 §4.2.1 item 3: Upgrade contains "websocket", in any case.
      throw HTTPFault(426, hasUpgrade ? "Upgrade is not to websocket" : "no Upgrade header field")
    }
    // RFC 6455 §4.2.1 item 4: Connection contains "Upgrade", in any case.
    guard connectionUpgrades else {
      throw HTTPFault(400, "Connection does not contain Upgrade; does a proxy in front drop it?")
    }
    // RFC 6455 §4.2.1 item 6, §4.2.2 item 4: version 13, else 426 with the versions we speak.
    guard try version.required("Sec-WebSocket-Version").isText("13") else {
      throw HTTPFault(426, "Sec-WebSocket-Version is not 13")
    }
    // RFC 6455 §4.2.1 item 5: a key that, base64-decoded, has 16 bytes; §11.3.1: only once.
    let key = try self.key.required("Sec-WebSocket-Key")
    guard Base64.isSixteenBytes(key) else {
      throw HTTPFault(400, "Sec-WebSocket-Key is not 16 bytes in base64")
    }
    return UpgradeRequest(
      path: path.isEmpty ? "/" : path.text(), query: query.text(), origin: origin.value.text(),
      userAgent: userAgent.value.text(maximumByteCount: limits.maximumRecordedHeaderByteCount),
      acceptKey: AcceptKey(to: key), subprotocols: subprotocols,
      extensions: extensions, forwardedFor: forwardedFor.nodes)
  }

  /// Path, origin and user agent as far as they have been read, for the record of a refusal.
  func record(in refusal: HandshakeRefusal, limits: HandshakeLimits) -> HandshakeRefusal {
    var refusal = refusal
    refusal.path = path.text(maximumByteCount: limits.maximumPathByteCount)
    refusal.origin = origin.value.text(maximumByteCount: limits.maximumRecordedHeaderByteCount)
    refusal.userAgent = userAgent.value.text(
      maximumByteCount: limits.maximumRecordedHeaderByteCount)
    return refusal
  }
}

/// The header fields an opening handshake looks at; all others are ignored (RFC 6455 §4.2.1).
private enum RequestField {
  case host, upgrade, connection, key, version, origin, userAgent, subprotocol, extensions
  case contentLength, transferEncoding, forwarded, forwardedFor

  init?(_ name: HeadSlice) {
    let known: (StaticString, RequestField)? =
      switch name.count {
      case 4: ("host", .host)
      case 6: ("origin", .origin)
      case 7: ("upgrade", .upgrade)
      case 9: ("forwarded", .forwarded)
      case 10 where (name[0] | 0x20) == UInt8(ascii: "c"): ("connection", .connection)
      case 10: ("user-agent", .userAgent)
      case 14: ("content-length", .contentLength)
      case 15: ("x-forwarded-for", .forwardedFor)
      case 17 where (name[0] | 0x20) == UInt8(ascii: "t"): ("transfer-encoding", .transferEncoding)
      case 17: ("sec-websocket-key", .key)
      case 21: ("sec-websocket-version", .version)
      case 22: ("sec-websocket-protocol", .subprotocol)
      case 24: ("sec-websocket-extensions", .extensions)
      default: nil
      }
    guard let known, name.isTextIgnoringCase(known.0) else { return nil }
    self = known.1
  }
}
