// The header of one frame (RFC 6455 §5.2): read with every check that needs no other frame, and
// written. Knows nothing of messages or connections.

/// Which end of a connection this is: what it must mask, and what it may receive (RFC 6455 §5.1).
public protocol EndpointRole: Sendable {
  /// A server receives masked frames only; a client, unmasked ones only.
  static var receivesMaskedFrames: Bool { get }
}

/// The accepting end.
public enum ServerRole: EndpointRole {
  /// Always: an unmasked frame ends the connection.
  public static var receivesMaskedFrames: Bool { true }
}

/// The connecting end.
public enum ClientRole: EndpointRole {
  /// Never: a masked frame ends the connection.
  public static var receivesMaskedFrames: Bool { false }
}

/// The header of a frame, decoded.
public struct FrameHeader: Equatable, Sendable {
  /// FIN, RSV1-3 and the opcode, as on the wire.
  public var firstByte: UInt8
  /// Bytes of payload behind the header, at most 2^63 - 1 (RFC 6455 §5.2).
  public var payloadByteCount: Int
  /// The four key bytes in wire order, as loaded from memory; 0 where the frame is not masked.
  public var maskingKey: UInt32
  /// Of the header itself: 2 to 14.
  public var headerByteCount: Int

  /// A header by its parts, of which nothing is checked.
  public init(
    firstByte: UInt8 = 0, payloadByteCount: Int = 0, maskingKey: UInt32 = 0,
    headerByteCount: Int = 0
  ) {
    self.firstByte = firstByte
    self.payloadByteCount = payloadByteCount
    self.maskingKey = maskingKey
    self.headerByteCount = headerByteCount
  }

  /// FIN, in the first byte.
  public static let finalBit: UInt8 = 0x80
  /// RSV1 to RSV3, in the first byte.
  public static let reservedBits: UInt8 = 0x70
  /// RSV1: the message is compressed (RFC 7692 §7.2.3.1), if that was negotiated.
  public static let compressedBit: UInt8 = 0x40
  /// MASK, in the second byte.
  public static let maskBit: UInt8 = 0x80
  /// The longest header: two bytes, a 64-bit length and a masking key.
  public static let maximumByteCount = 14
  /// The longest header a server writes: no masking key.
  public static let maximumServerByteCount = 10
  /// The largest payload of a control frame (RFC 6455 §5.5).
  public static let maximumControlPayloadByteCount = 125

  /// Whether this is the last frame of its message, or the only one (RFC 6455 §5.4).
  public var isFinal: Bool { firstByte & Self.finalBit != 0 }
  /// Only for a header that was decoded: reserved opcodes do not get that far.
  public var opcode: Opcode { Opcode(rawValue: firstByte & 0x0F) ?? .continuation }
}

/// How far the decoding of a header came.
public enum FrameHeaderDecoding: Equatable, Sendable {
  /// More bytes are needed: so many in all are known to be.
  case incomplete(neededByteCount: Int)
  /// All of the header is there and breaks no rule that can be told without other frames.
  case complete(FrameHeader)
  /// The bytes break a rule, whatever may follow them.
  case violation(ProtocolViolation)
}

extension FrameHeader {
  /// Decodes the header at the start of `count` readable bytes. A violation is found as soon as the
  /// field that shows it is there, whole. `allowedReservedBits` are the RSV bits that an extension
  /// gave a meaning.
  public static func decode<Role: EndpointRole>(
    _ bytes: UnsafeRawPointer, _ count: Int, allowedReservedBits: UInt8 = 0, role: Role.Type
  ) -> FrameHeaderDecoding {
    guard count >= 1 else { return .incomplete(neededByteCount: 2) }
    let first = bytes.load(as: UInt8.self)
    // RFC 6455 §5.2: RSV bits MUST be 0 unless an extension defines them.
    if first & reservedBits & ~allowedReservedBits != 0 {
      return .violation(.reservedBits((first & reservedBits) >> 4))
    }
    guard let opcode = Opcode(rawValue: first & 0x0F) else {
      return .violation(.reservedOpcode(first & 0x0F))
    }
    // RFC 6455 §5.5: control frames MUST NOT be fragmented. RSV1 never applies to them (RFC 7692
    // §6).
    if opcode.isControl {
      if first & finalBit == 0 { return .violation(.fragmentedControlFrame(opcode)) }
      if first & reservedBits != 0 {
        return .violation(.reservedBits((first & reservedBits) >> 4))
      }
    }
    guard count >= 2 else { return .incomplete(neededByteCount: 2) }
    let second = bytes.load(fromByteOffset: 1, as: UInt8.self)
    // RFC 6455 §5.1: a server closes on an unmasked frame, a client on a masked one.
    if (second & maskBit != 0) != Role.receivesMaskedFrames {
      return .violation(Role.receivesMaskedFrames ? .unmaskedFrame : .maskedFrame)
    }
    let shortLength = Int(second & 0x7F)
    if opcode.isControl && shortLength > maximumControlPayloadByteCount {
      return .violation(.controlFrameTooLong(opcode))
    }
    return decodeLength(bytes, count, first: first, shortLength: shortLength, role: role)
  }

  @inline(__always)
  private static func decodeLength<Role: EndpointRole>(
    _ bytes: UnsafeRawPointer, _ count: Int, first: UInt8, shortLength: Int, role: Role.Type
  ) -> FrameHeaderDecoding {
    let lengthByteCount = shortLength < 126 ? 0 : shortLength == 126 ? 2 : 8
    let headerByteCount = 2 + lengthByteCount + (Role.receivesMaskedFrames ? 4 : 0)
    var payload = shortLength
    // RFC 6455 §5.2: the minimal number of bytes MUST be used, and the top bit of 64 MUST be 0.
    if lengthByteCount == 2 && count >= 4 {
      payload = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      if payload < 126 { return .violation(.lengthNotMinimal(payload)) }
    } else if lengthByteCount == 8 && count >= 10 {
      let length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
      if length >> 63 != 0 { return .violation(.lengthAbove63Bits) }
      if length < 65_536 { return .violation(.lengthNotMinimal(Int(length))) }
      payload = Int(length)
    }
    guard count >= headerByteCount else { return .incomplete(neededByteCount: headerByteCount) }
    let key =
      Role.receivesMaskedFrames
      ? bytes.loadUnaligned(fromByteOffset: headerByteCount - 4, as: UInt32.self) : 0
    return .complete(
      FrameHeader(
        firstByte: first, payloadByteCount: payload, maskingKey: key,
        headerByteCount: headerByteCount))
  }
}

extension FrameHeader {
  /// How many bytes the header of an unmasked frame with this payload takes: 2, 4 or 10.
  @inlinable @inline(__always)
  public static func serverByteCount(forPayload count: Int) -> Int {
    count < 126 ? 2 : count < 65_536 ? 4 : 10
  }

  /// Bytes of payload in an unmasked frame that is so many bytes long in all.
  public static func serverPayloadByteCount(ofFrame count: Int) -> Int {
    count < 2 + 126 ? count - 2 : count < 4 + 65_536 ? count - 4 : count - 10
  }

  /// Writes the header of an unmasked frame; returns its length. Needs `serverByteCount` of room.
  @inlinable @inline(__always)
  public static func writeServer(
    _ firstByte: UInt8, payloadByteCount count: Int, to destination: UnsafeMutableRawPointer
  ) -> Int {
    destination.storeBytes(of: firstByte, as: UInt8.self)
    if count < 126 {
      destination.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: 1, as: UInt8.self)
      return 2
    }
    if count < 65_536 {
      destination.storeBytes(of: 126, toByteOffset: 1, as: UInt8.self)
      destination.storeBytes(
        of: UInt16(truncatingIfNeeded: count).bigEndian, toByteOffset: 2, as: UInt16.self)
      return 4
    }
    destination.storeBytes(of: 127, toByteOffset: 1, as: UInt8.self)
    destination.storeBytes(
      of: UInt64(truncatingIfNeeded: count).bigEndian, toByteOffset: 2, as: UInt64.self)
    return 10
  }

  /// Writes the header of a masked frame; returns its length. Needs `maximumByteCount` of room.
  public static func writeClient(
    _ firstByte: UInt8, payloadByteCount count: Int, maskingKey: UInt32,
    to destination: UnsafeMutableRawPointer
  ) -> Int {
    let length = writeServer(firstByte, payloadByteCount: count, to: destination)
    let second = destination.load(fromByteOffset: 1, as: UInt8.self)
    destination.storeBytes(of: second | maskBit, toByteOffset: 1, as: UInt8.self)
    destination.storeBytes(of: maskingKey, toByteOffset: length, as: UInt32.self)
    return length + 4
  }

  /// The length of a whole unmasked frame that lies at `bytes`: header and payload. Only for frames
  /// this process wrote itself.
  public static func serverFrameByteCount(at bytes: UnsafeRawPointer) -> Int {
    let short = Int(bytes.load(fromByteOffset: 1, as: UInt8.self) & 0x7F)
    switch short {
    case 126:
      return 4 + Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
    case 127:
      let length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
      return 10 + Int(truncatingIfNeeded: length)
    default: return 2 + short
    }
  }

  /// Whether the bytes are whole frames as a server sends them, one behind the other.
  public static func areServerFrames(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard var next = bytes.baseAddress else { return true }
    var count = bytes.count
    while count > 0 {
      guard
        case .complete(let header) = decode(
          next, count, allowedReservedBits: compressedBit, role: ClientRole.self),
        header.payloadByteCount <= count - header.headerByteCount
      else { return false }
      next += header.headerByteCount + header.payloadByteCount
      count -= header.headerByteCount + header.payloadByteCount
    }
    return true
  }
}
