// Masking keys and handshake keys. The system's generator is a system call for each number, which a
// message of a broadcast would spend a twentieth of its time on.

/// Numbers that nobody else has, from a seed of the system's: SplitMix64 (G. Steele, D. Lea and
/// C. Flood, 2014).
///
/// RFC 6455 §5.3 wants masking keys that nobody foresees, because of pages that choose what a
/// browser sends; what this tool sends is chosen by whoever started it.
struct KeyGenerator {
  private var state = UInt64.random(in: .min ... .max)

  @inline(__always)
  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// The key of a frame.
  @inline(__always)
  mutating func maskingKey() -> UInt32 { UInt32(truncatingIfNeeded: next()) }

  /// The sixteen bytes of a Sec-WebSocket-Key (RFC 6455 §4.1).
  mutating func handshakeKey() -> [UInt8] {
    withUnsafeBytes(of: (next(), next())) { Array($0) }
  }
}
