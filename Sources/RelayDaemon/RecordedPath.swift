// What a record may show of a request's path. Query strings carry bearer tokens because a browser
// cannot set a header on a WebSocket; a log that shows them hands the session to whoever reads it.

/// The path of a request, made fit for a record.
///
/// Everything works on bytes: a combining mark after a separator must not hide it.
enum RecordedPath {
  /// What stands for a secret.
  static let mask = "***"

  /// The path without its query string.
  static func withoutQuery(_ path: String) -> String {
    queryStart(of: path).map { String(path[..<$0]) } ?? path
  }

  /// The path with its query string, in which the values of secrets are masked.
  static func masked(_ path: String) -> String {
    guard !path.isEmpty, let start = queryStart(of: path) else { return path }
    var result = String(path[..<start])
    var rest = path[start...]
    while let separator = rest.utf8.first {
      result.unicodeScalars.append(Unicode.Scalar(separator))
      let tail = rest.utf8.dropFirst()
      let pair = tail.prefix { !isSeparator($0) }
      result += masked(pair: Substring(pair))
      rest = Substring(tail[pair.endIndex...])
    }
    return result
  }

  private static func queryStart(of path: String) -> String.Index? {
    path.utf8.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "&"), UInt8(ascii: ";"), UInt8(ascii: "?"), UInt8(ascii: "#"): true
    default: false
    }
  }

  private static func masked(pair: Substring) -> String {
    guard let equals = pair.utf8.firstIndex(of: UInt8(ascii: "=")) else { return String(pair) }
    let value = Substring(pair.utf8[equals...].dropFirst())
    if value.isEmpty { return String(pair) }
    guard isSecret(key: pair[..<equals]) || holdsSecret(value) else { return String(pair) }
    return "\(pair[..<equals])=\(mask)"
  }

  /// Whether a value is itself an encoded URL or query that holds a secret.
  private static func holdsSecret(_ value: Substring) -> Bool {
    guard value.utf8.contains(UInt8(ascii: "%")) || value.utf8.contains(UInt8(ascii: "=")) else {
      return false
    }
    return decoded(value).utf8.split(whereSeparator: isSeparator).contains { pair in
      pair.firstIndex(of: UInt8(ascii: "=")).map { isSecret(key: Substring(pair[..<$0])) } ?? false
    }
  }

  /// Whether the value under a key is one that opens doors; rather one too many than one too few.
  ///
  /// Only letters and digits count, in either case: `api_key`, `apiKey` and `API-KEY` are one.
  static func isSecret(key: Substring) -> Bool {
    var letters = decoded(key).utf8.compactMap { byte -> UInt8? in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
      default: nil
      }
    }
    return letters.withUnsafeMutableBufferPointer { letters in
      names.contains { letters.elementsEqual($0.utf8) }
        || letters.starts(with: "auth".utf8) || letters.suffix(3).elementsEqual("key".utf8)
        || letters.indices.contains { start in
          parts.contains { letters[start...].starts(with: $0.utf8) }
        }
    }
  }

  private static let names = [
    "sig", "pwd", "pass", "jwt", "sid", "sessionid", "session", "ticket", "otp", "bearer", "code",
    "hmac",
  ]
  private static let parts = ["token", "secret", "passw", "passphrase", "signature", "credential"]

  /// The text with its percent encoding undone (RFC 3986 §2.1), as a server would read it.
  private static func decoded(_ text: Substring) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      let isCode = byte == UInt8(ascii: "%") && digits.count == 2
      if isCode, let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) {
        bytes.append(code)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
