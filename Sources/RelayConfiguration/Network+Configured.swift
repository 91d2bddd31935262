// Networks as an operator writes them.

import RelayCore

extension Network {
  /// An address, an address with a number of leading bits, or `unix`.
  init(configured text: String) throws(InvalidText) {
    if text == "unix" {
      self = .unix
      return
    }
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let host = parts.first, let address = PeerAddress(host: host) else {
      throw InvalidText(
        "write an address, a network such as \"10.0.0.0/8\" or \"2001:db8::/32\", or \"unix\"")
    }
    let bitCount = address.family == .ipv6 ? 128 : 32
    guard parts.count == 2 else {
      self.init(address, prefixBitCount: bitCount)
      return
    }
    guard let prefix = Int(parts[1]), "\(prefix)" == parts[1], (0...bitCount).contains(prefix)
    else { throw InvalidText("behind the slash is a number of bits from 0 to \(bitCount)") }
    self.init(address, prefixBitCount: prefix)
    // Whoever writes 10.1.2.3/8 means something else than what would be done.
    guard self.address == address else {
      throw InvalidText("bits behind the first \(prefix) are set: write \(quoted(description))")
    }
  }
}
