// The header of the PROXY protocol, versions 1 and 2, with which a load balancer says in front of a
// connection whose it is. Its specification is HAProxy's doc/proxy-protocol.txt. A listener demands
// it or does not know it: whether it is there is never guessed.

/// How far the header in front of a connection has come.
public enum ProxyHeader: Equatable, Sendable {
  /// More bytes are needed.
  case incomplete
  /// The header has so many bytes; `source` is the client, nil where the proxy speaks for itself or
  /// does not say.
  case complete(source: Source?, byteCount: Int)
  /// The bytes are no such header, in these words.
  case invalid(String)

  /// The client's end of the connection that the proxy took.
  public struct Source: Equatable, Sendable {
    /// 4 or 16 bytes, in network order.
    public var address: [UInt8]
    /// The client's TCP port.
    public var port: UInt16
  }

  /// §2.1: the longest line of version 1, with its end.
  private static let maximumLineByteCount = 107
  /// §2.2: what version 2 begins with.
  private static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]
  /// Of what follows the addresses in version 2; balancers add a few hundred bytes at most.
  private static let maximumVersion2ByteCount = 4096

  /// Reads the header from all bytes received so far.
  public static func read(_ bytes: UnsafeRawBufferPointer) -> ProxyHeader {
    let beginning = bytes.head(signature.count)
    if beginning.elementsEqual(signature.prefix(beginning.count)) { return readVersion2(bytes) }
    let word = Array("PROXY ".utf8)
    if bytes.head(word.count).elementsEqual(word.prefix(min(word.count, bytes.count))) {
      return readVersion1(bytes)
    }
    return .invalid("no PROXY protocol header, which this listener requires")
  }

  // MARK: - Version 1, a line of text

  private static func readVersion1(_ bytes: HeadSlice) -> ProxyHeader {
    let window = bytes.head(maximumLineByteCount)
    guard let end = window.firstIndex(of: HTTPSyntax.lineFeed) else {
      return bytes.count < maximumLineByteCount
        ? .incomplete : .invalid("PROXY line longer than \(maximumLineByteCount) bytes")
    }
    let malformed = ProxyHeader.invalid("malformed PROXY line")
    guard end > 0, window[end - 1] == HTTPSyntax.carriageReturn else { return malformed }
    let words = window.head(end - 1).text().split(
      separator: " ", omittingEmptySubsequences: false)
    // §2.1: whatever follows UNKNOWN is to be ignored.
    if words.count >= 2, words[1] == "UNKNOWN" {
      return .complete(source: nil, byteCount: end + 1)
    }
    guard words.count == 6, let port = UInt16(words[4]), UInt16(words[5]) != nil else {
      return malformed
    }
    let address: [UInt8]? =
      switch words[1] {
      case "TCP4": IPText.ipv4(words[2])
      case "TCP6": IPText.ipv6(words[2])
      default: nil
      }
    guard let address else { return malformed }
    return .complete(source: Source(address: address, port: port), byteCount: end + 1)
  }

  // MARK: - Version 2, binary

  private static func readVersion2(_ bytes: HeadSlice) -> ProxyHeader {
    guard bytes.count >= 16 else { return .incomplete }
    let (version, command) = (bytes[12] >> 4, bytes[12] & 0x0F)
    guard version == 2, command <= 1 else {
      return .invalid("PROXY protocol version \(version), command \(command)")
    }
    let length = Int(bytes[14]) << 8 | Int(bytes[15])
    guard length <= maximumVersion2ByteCount else {
      return .invalid("PROXY header of \(length) bytes")
    }
    guard bytes.count >= 16 + length else { return .incomplete }
    // §2.2: LOCAL is the proxy's own connection, such as a health check.
    if command == 0 { return .complete(source: nil, byteCount: 16 + length) }
    let addressByteCount: Int
    switch bytes[13] {
    case 0x11: addressByteCount = 4
    case 0x21: addressByteCount = 16
    // §2.2: other families are accepted, and say nothing of use here.
    default: return .complete(source: nil, byteCount: 16 + length)
    }
    let portOffset = 16 + 2 * addressByteCount
    guard length >= 2 * addressByteCount + 4 else {
      return .invalid("PROXY header without its addresses")
    }
    let source = Source(
      address: Array(bytes[16..<16 + addressByteCount]),
      port: UInt16(bytes[portOffset]) << 8 | UInt16(bytes[portOffset + 1]))
    return .complete(source: source, byteCount: 16 + length)
  }
}
