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
    var start = max(0, min(searchedByteCount, bytes.count))
    // Its LF had not come yet.
    if start > 0, bytes[start - 1] == HTTPSyntax.carriageReturn { start -= 1 }
    while start < bytes.count {
      let rest = bytes.slice(start..<bytes.count)
      guard let lineEnd = rest.firstIndex(of: HTTPSyntax.carriageReturn, or: HTTPSyntax.lineFeed)
      else { break }
      // RFC 9112 §2.2: a bare LF may be taken for a line end. Proxies differ on it, so it is not.
      guard rest[lineEnd] == HTTPSyntax.carriageReturn else {
        return .badLineEnd(HTTPFault(400, "line ends with LF instead of CRLF"))
      }
      let lineFeed = start + lineEnd + 1
      guard lineFeed < bytes.count else { break }
      // RFC 9112 §2.2: a bare CR is invalid.
      guard bytes[lineFeed] == HTTPSyntax.lineFeed else {
        return .badLineEnd(HTTPFault(400, "CR without LF"))
      }
      if lineFeed >= 3, bytes[lineFeed - 2] == HTTPSyntax.lineFeed { return .at(lineFeed + 1) }
      start = lineFeed + 1
    }
    return .notYet
  }
}
