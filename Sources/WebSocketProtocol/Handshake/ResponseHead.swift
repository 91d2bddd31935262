// The head of a server's answer while it is read: status line (RFC 9112 §4) and the fields that
// RFC 6455 §4.1 has the client validate.

/// The parts of a response head that decide whether the connection is open, valid as long as the
/// bytes they came from.
struct ResponseHead {
  private(set) var status = 0
  private(set) var upgradesToWebSocket = false
  private(set) var connectionUpgrades = false
  private(set) var accept = SingleField()
  private(set) var subprotocol = SingleField()
  private(set) var extensions: [ExtensionOffer] = []

  /// Reads all lines of a complete head.
  mutating func parse(_ bytes: HeadSlice, limits: HandshakeLimits) throws(HTTPFault) {
    var lines = HeadLines(bytes)
    guard let statusLine = lines.next() else { throw HTTPFault(400, "no status line") }
    try parseStatusLine(statusLine)
    var fieldCount = 0
    while let line = lines.next() {
      fieldCount += 1
      guard fieldCount <= limits.maximumHeaderFieldCount else {
        throw HTTPFault(431, "more than \(limits.maximumHeaderFieldCount) header fields")
      }
      let field = try FieldLine(line)
      // Whoever answers otherwise than with 101 may use these fields as it likes.
      if status == 101 { try take(field) }
    }
  }

  // RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ]; the last space is often missing.
  private mutating func parseStatusLine(_ line: HeadSlice) throws(HTTPFault) {
    guard line.count >= 12, line.hasPrefix("HTTP/1."), HTTPSyntax.isDigit(line[7]),
      line[8] == HTTPSyntax.space, line.count == 12 || line[12] == HTTPSyntax.space
    else { throw HTTPFault(400, "malformed status line") }
    var status = 0
    for byte in line.slice(9..<12) {
      guard HTTPSyntax.isDigit(byte) else { throw HTTPFault(400, "malformed status code") }
      status = status * 10 + Int(byte - UInt8(ascii: "0"))
    }
    // RFC 9110 §15: the first digit is the class of the answer, and there is none of 0.
    guard status >= 100 else { throw HTTPFault(400, "malformed status code") }
    // RFC 6455 §4.2.2 item 5: a 101 is HTTP/1.1; there is no upgrade in HTTP/1.0.
    guard status != 101 || line[7] != UInt8(ascii: "0") else {
      throw HTTPFault(400, "101 in HTTP/1.0")
    }
    self.status = status
  }

  private mutating func take(_ field: FieldLine) throws(HTTPFault) {
    if field.name.isTextIgnoringCase("upgrade") {
      // RFC 6455 §4.1: in a response the value is "websocket", in any case, and nothing else.
      upgradesToWebSocket = field.value.isTextIgnoringCase("websocket")
    } else if field.name.isTextIgnoringCase("connection") {
      for element in field.value.listElements where element.isTextIgnoringCase("upgrade") {
        connectionUpgrades = true
      }
    } else if field.name.isTextIgnoringCase("sec-websocket-accept") {
      accept.take(field.value)
    } else if field.name.isTextIgnoringCase("sec-websocket-protocol") {
      subprotocol.take(field.value)
    } else if field.name.isTextIgnoringCase("sec-websocket-extensions") {
      extensions += try ExtensionOffer.parseList(field.value)
    }
  }
}
