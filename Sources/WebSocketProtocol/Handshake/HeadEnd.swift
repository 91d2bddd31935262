// Where a request or response head ends, found while its bytes dribble in: each byte is looked at
// once, however many calls it takes. What the head says is RequestParser's business.

/// The outcome of looking for the blank line that ends a head.
enum HeadEnd: Equatable {
  case notYet
  /// The head has this many bytes, the blank line included.
  case at(Int)
  /// A line ends otherwise than with CRLF; the first byte of the bad line end is here.
  case badLineEnd(HTTPFault)

  /// Searches bytes of which the first `searchedByteCount` were searched in vain before.
  static func search(_ bytes: HeadSlice, searchedByteCount: Int) -> HeadEnd {
    // One byte back, for a CR whose LF had not come yet.
    var index = max(1, min(searchedByteCount, bytes.count)) - 1
    while index < bytes.count {
      switch bytes[index] {
      case HTTPSyntax.lineFeed:
        // RFC 9112 §2.2: a bare LF may be taken for a line end. Proxies differ on it, so it is not.
        guard index > 0, bytes[index - 1] == HTTPSyntax.carriageReturn else {
          return .badLineEnd(HTTPFault(400, "line ends with LF instead of CRLF"))
        }
        if index >= 3, bytes[index - 2] == HTTPSyntax.lineFeed { return .at(index + 1) }
      case HTTPSyntax.carriageReturn where index + 1 < bytes.count:
        // RFC 9112 §2.2: a bare CR is invalid.
        guard bytes[index + 1] == HTTPSyntax.lineFeed else {
          return .badLineEnd(HTTPFault(400, "CR without LF"))
        }
      default: break
      }
      index += 1
    }
    return .notYet
  }
}
