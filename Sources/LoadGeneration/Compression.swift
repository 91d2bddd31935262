// permessage-deflate as a client of this tool has it (RFC 7692): each message compressed by itself,
// the server's contexts kept where it keeps any.

import WebSocketProtocol

extension Deflater {
  /// A new stream with the window and memory that browsers use.
  static var ofBrowsers: Deflater {
    guard
      let deflater = Deflater(windowBits: DeflateParameters.maximumWindowBits, memoryLevel: 8)
    else { fatalError("no memory for zlib") }
    return deflater
  }

  /// A message on its own, compressed.
  func compressed(_ message: [UInt8]) -> [UInt8] {
    let room = maximumByteCount(forPayload: message.count)
    return [UInt8](unsafeUninitializedCapacity: room) { bytes, count in
      message.withUnsafeBytes {
        count = deflate(
          $0.baseAddress ?? UnsafeRawPointer(bytes.baseAddress!), $0.count,
          to: UnsafeMutableRawPointer(bytes.baseAddress!), keepsContext: false)
      }
    }
  }
}

/// What a server agreed to.
enum AgreedDeflate {
  /// No client_max_window_bits: the messages are compressed once, with the largest window.
  static let offer = ExtensionOffer(name: DeflateParameters.extensionName)

  /// Whether the server's messages refer to those before them; nil: its answer makes no sense.
  static func keepsContext(_ answer: ExtensionOffer) -> Bool? {
    var keeps = true
    for parameter in answer.parameters {
      switch (parameter.name, parameter.value.map { Int($0) }) {
      case ("server_no_context_takeover", nil): keeps = false
      case ("client_no_context_takeover", nil): break
      // RFC 7692 §7.1.2.1: a server may use a smaller window than it could.
      case ("server_max_window_bits", let bits?) where (8...15).contains(bits ?? 0): break
      default: return nil
      }
    }
    return keeps
  }
}
