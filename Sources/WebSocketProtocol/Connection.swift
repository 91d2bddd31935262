// The state machine of one endpoint after the opening handshake: bytes in, events out; and what it
// has said and heard of closing. No I/O and no clock; the memory of a message in progress comes
// from the caller's pool.
//
// The owner's duties: ask `nextEvent` until it needs more bytes; give an assembled message back
// with `releaseMessage`; send what `closeFrame` returns; read nothing into a connection that is
// deaf but to wait for the end of TCP.

/// One endpoint of a WebSocket connection, reading (RFC 6455 §5 to §8).
public struct Connection<Role: EndpointRole> {
  /// What is done with data that arrives.
  public enum Reading: UInt8, Sendable {
    /// Messages are handed out.
    case messages
    /// We sent Close: data is skipped, only the peer's Close is waited for (RFC 6455 §7.1.2).
    case closeOnly
    /// Nothing more is read: the peer sent Close, or its bytes are no frames.
    case nothing
  }

  // Hot fields first: the fast path reads these.
  /// Only ever narrows: from `messages` to `closeOnly` to `nothing`.
  public internal(set) var reading = Reading.messages
  /// FIN and opcode of the message in progress; 0: none.
  var messageFirstByte: UInt8 = 0
  var isFinalFrame = false
  /// Whether our Close was before the peer's.
  public internal(set) var sentCloseFirst = false
  var stashedByteCount: UInt8 = 0
  /// RSV bits that a negotiated extension gave a meaning; they stand in the `firstByte` of a
  /// message (RFC 6455 §9.2, RFC 7692 §6). A message with any of them set is not validated as text
  /// here.
  public var allowedReservedBits: UInt8 = 0
  /// Frames that `nextEvent` has read since the owner last took the count; it stops at its maximum.
  private var frameCount: UInt16 = 0
  /// Of the current data frame: the key for its next byte.
  var maskingKey: UInt32 = 0
  /// Of the current data frame: payload bytes still to come.
  var remainingByteCount = 0
  /// The payload of the message in progress.
  var message: BlockPointer?
  /// A header or control frame of which not all bytes are here.
  var stash: BlockPointer?
  var utf8 = UTF8Validator()

  /// The code of the Close frame we sent; 0: none; 1005: one without a code.
  var sentCode: UInt16 = 0
  /// The code of the Close frame the peer sent; 0: none; 1005: one without a code.
  var receivedCode: UInt16 = 0

  /// A connection whose opening handshake has just been completed; it holds no memory.
  public init() {}

  /// The code we sent; nil before our Close.
  public var codeSent: CloseCode? { sentCode == 0 ? nil : CloseCode(rawValue: sentCode) }
  /// The code the peer sent; nil before its Close.
  public var codeReceived: CloseCode? {
    receivedCode == 0 ? nil : CloseCode(rawValue: receivedCode)
  }
  /// Frames that `nextEvent` has read since this was last asked, at most 65,535.
  @inline(__always)
  public mutating func takeFrameCount() -> Int {
    let count = Int(frameCount)
    frameCount = 0
    return count
  }

  /// Whether a frame may be fresh: no message and no frame is in progress.
  @inline(__always)
  public var isBetweenMessages: Bool {
    messageFirstByte == 0 && reading == .messages && stashedByteCount == 0
  }
}

// MARK: - The fast path

extension Connection {
  /// Takes a whole, unfragmented data message off the front of `input`, if that is what is there
  /// and it is within the limit. Everything else, breaches of the protocol among it, is left for
  /// `nextEvent`.
  @inline(__always)
  public func takeWholeMessage(
    _ input: inout ReceivedBytes, maximumByteCount: Int
  ) -> IncomingMessage? {
    let available = input.count
    let maskByteCount = Role.receivesMaskedFrames ? 4 : 0
    guard isBetweenMessages, available >= 2 + maskByteCount else { return nil }
    let first = input.next.load(as: UInt8.self)
    let second = input.next.load(fromByteOffset: 1, as: UInt8.self)
    // FIN, no RSV bit, text or binary; and masked as the role demands.
    guard first == 0x81 || first == 0x82,
      (second & FrameHeader.maskBit != 0) == Role.receivesMaskedFrames
    else { return nil }
    var payloadByteCount = Int(second & 0x7F)
    var headerByteCount = 2 &+ maskByteCount
    if payloadByteCount >= 126 {
      guard payloadByteCount == 126, available >= 8 else { return nil }
      payloadByteCount = Int(
        UInt16(bigEndian: input.next.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
      guard payloadByteCount >= 126 else { return nil }
      headerByteCount = 4 &+ maskByteCount
    }
    guard payloadByteCount <= maximumByteCount,
      headerByteCount &+ payloadByteCount <= available
    else { return nil }
    let key =
      Role.receivesMaskedFrames
      ? input.next.loadUnaligned(fromByteOffset: headerByteCount &- 4, as: UInt32.self) : 0
    let payload = input.next + headerByteCount
    input.next = payload + payloadByteCount
    return IncomingMessage(
      firstByte: first, isAssembled: false, maskingKey: key, payload: payload,
      byteCount: payloadByteCount)
  }
}

// MARK: - Any frame

extension Connection {
  /// The next event in `input`. After a violation the connection reads no more messages: the owner
  /// sends Close and drops what follows.
  public mutating func nextEvent(
    _ input: inout ReceivedBytes, maximumMessageByteCount: Int, pool: inout BlockPool
  ) -> IncomingEvent {
    while true {
      if reading == .nothing {
        input.next = input.end
        releaseAll(&pool)
        return .needsMore
      }
      if remainingByteCount > 0 {
        if let event = readPayload(&input, &pool) { return event }
        continue
      }
      if stashedByteCount == 0 { releaseStash(&pool) }
      guard input.count > 0 else { return .needsMore }
      if let event = readFrame(&input, maximumMessageByteCount, &pool) { return event }
    }
  }

  /// Reads a header and what must be whole with it; nil: look again, a payload or frame follows.
  private mutating func readFrame(
    _ input: inout ReceivedBytes, _ maximumMessageByteCount: Int, _ pool: inout BlockPool
  ) -> IncomingEvent? {
    let isStashed = stashedByteCount > 0
    if isStashed && !completeStash(&input, to: 2) { return .needsMore }
    while true {
      let (start, count) =
        stash.map { ($0.bytes, Int(stashedByteCount)) } ?? (input.next, input.count)
      switch FrameHeader.decode(
        start, count, allowedReservedBits: allowedReservedBits, role: Role.self)
      {
      case .violation(let violation):
        stashedByteCount = 0
        return fail(violation)
      case .incomplete(let needed):
        if !isStashed { return stashRest(&input, &pool) }
        guard input.count > 0 else { return .needsMore }
        // Too few bytes for a whole header may be enough to show what is wrong with it.
        _ = completeStash(&input, to: needed)
      case .complete(let header):
        let isControl = header.opcode.isControl
        let needed = header.headerByteCount + (isControl ? header.payloadByteCount : 0)
        if count < needed {
          if !isStashed { return stashRest(&input, &pool) }
          if !completeStash(&input, to: needed) { return .needsMore }
        }
        if isStashed { stashedByteCount = 0 } else { input.next += needed }
        if frameCount < .max { frameCount &+= 1 }
        if isControl { return control(header, payload: start + header.headerByteCount) }
        releaseStash(&pool)
        return beginDataFrame(header, input, maximumMessageByteCount, &pool)
      }
    }
  }

  /// What a stash holds: a control frame and what is longest of a header.
  static var stashByteCount: Int {
    FrameHeader.maximumByteCount + FrameHeader.maximumControlPayloadByteCount
  }

  /// Keeps the rest of `input`, an incomplete header or control frame: at most 131 bytes.
  private mutating func stashRest(
    _ input: inout ReceivedBytes, _ pool: inout BlockPool
  ) -> IncomingEvent {
    let block = pool.take(atLeast: Self.stashByteCount)
    block.bytes.copyMemory(from: input.next, byteCount: input.count)
    stashedByteCount = UInt8(input.count)
    stash = block
    input.next = input.end
    return .needsMore
  }

  /// Moves bytes to the stash until it has `needed`; false: there were not enough.
  private mutating func completeStash(_ input: inout ReceivedBytes, to needed: Int) -> Bool {
    guard let stash else { return false }
    let missing = min(needed - Int(stashedByteCount), input.count)
    if missing > 0 {
      (stash.bytes + Int(stashedByteCount)).copyMemory(from: input.next, byteCount: missing)
      stashedByteCount += UInt8(missing)
      input.next += missing
    }
    return Int(stashedByteCount) >= needed
  }

  private mutating func control(
    _ header: FrameHeader, payload: UnsafeMutableRawPointer
  ) -> IncomingEvent {
    let count = header.payloadByteCount
    _ = Masking.apply(header.maskingKey, from: payload, count: count, to: payload)
    let bytes = UnsafeRawBufferPointer(start: payload, count: count)
    switch header.opcode {
    case .ping: return .ping(bytes)
    case .pong: return .pong(bytes)
    default:
      do throws(ProtocolViolation) {
        let frame = try CloseFrame(payload: bytes)
        receivedCode = (frame.code ?? .noStatusReceived).rawValue
        // RFC 6455 §5.5.1, §1.4: data after a Close frame is discarded.
        reading = .nothing
        return .close(frame)
      } catch {
        return fail(error)
      }
    }
  }

  /// Checks a data frame against the message it belongs to, and makes room for its payload.
  private mutating func beginDataFrame(
    _ header: FrameHeader, _ input: ReceivedBytes, _ maximumMessageByteCount: Int,
    _ pool: inout BlockPool
  ) -> IncomingEvent? {
    isFinalFrame = header.isFinal
    remainingByteCount = header.payloadByteCount
    maskingKey = header.maskingKey
    if reading == .closeOnly { return nil }
    // RFC 6455 §5.4: fragments of one message follow each other, only control frames between them.
    if header.opcode == .continuation {
      if messageFirstByte == 0 { return fail(.unexpectedContinuation) }
      // RFC 7692 §6.1: the bit marks the first frame of a message only.
      let bits = header.firstByte & FrameHeader.reservedBits
      if bits != 0 { return fail(.reservedBits(bits >> 4)) }
    } else {
      if messageFirstByte != 0 { return fail(.expectedContinuation(header.opcode)) }
      messageFirstByte = FrameHeader.finalBit | header.firstByte
      utf8 = UTF8Validator()
    }
    let assembled = message?.pointee.end ?? 0
    let (total, overflow) = assembled.addingReportingOverflow(header.payloadByteCount)
    if overflow || total > maximumPayloadByteCount(maximumMessageByteCount) {
      return fail(
        .messageTooBig(
          maximumByteCount: maximumMessageByteCount, byteCount: overflow ? .max : total))
    }
    let block = message ?? pool.take(atLeast: total)
    message = pool.grow(block, to: total)
    return header.payloadByteCount == 0 && header.isFinal ? finishMessage() : nil
  }

  /// What the frames of the message in progress may hold: a compressed message of the largest size
  /// may be somewhat larger itself, if it was hard to compress.
  func maximumPayloadByteCount(_ maximumMessageByteCount: Int) -> Int {
    let maximum = maximumMessageByteCount
    if messageFirstByte & FrameHeader.compressedBit == 0 || maximum > .max / 2 { return maximum }
    return maximum + maximum / 8 + 64
  }

  /// Takes payload of the current frame; nil: the frame is done, more may follow in `input`.
  private mutating func readPayload(
    _ input: inout ReceivedBytes, _ pool: inout BlockPool
  ) -> IncomingEvent? {
    let count = min(remainingByteCount, input.count)
    if count == 0 { return .needsMore }
    let source = input.next
    input.next += count
    if reading == .closeOnly {
      remainingByteCount -= count
      return remainingByteCount > 0 ? .needsMore : nil
    }
    guard let block = message else { preconditionFailure("a data frame without a block") }
    return acceptPayload(source, count, in: block)
  }

  /// Unmasks payload into the block and validates it; nil: more frames may follow.
  private mutating func acceptPayload(
    _ source: UnsafeRawPointer, _ count: Int, in block: BlockPointer
  ) -> IncomingEvent? {
    let destination = block.bytes + block.pointee.end
    var isValid = true
    if Role.receivesMaskedFrames {
      if isPlainText {
        isValid = utf8.validate(unmasking: source, count, maskingKey, to: destination)
      } else {
        _ = Masking.apply(maskingKey, from: source, count: count, to: destination)
      }
      maskingKey = Masking.rotate(maskingKey, past: count)
    } else {
      if source != UnsafeRawPointer(destination) {
        destination.copyMemory(from: source, byteCount: count)
      }
      isValid = !isPlainText || utf8.validate(destination, count)
    }
    remainingByteCount -= count
    block.pointee.end += count
    if !isValid { return fail(.invalidUTF8InText) }
    if remainingByteCount > 0 { return .needsMore }
    return isFinalFrame ? finishMessage() : nil
  }

  /// Whether the message in progress is text as it arrives, not after some extension's work.
  private var isPlainText: Bool {
    messageFirstByte & ~FrameHeader.finalBit == Opcode.text.rawValue
  }

  private mutating func finishMessage() -> IncomingEvent {
    guard let block = message else { preconditionFailure("a message without a block") }
    if isPlainText && !utf8.isComplete { return fail(.invalidUTF8InText) }
    let firstByte = messageFirstByte
    messageFirstByte = 0
    return .message(
      IncomingMessage(
        firstByte: firstByte, isAssembled: true, maskingKey: 0, payload: block.bytes,
        byteCount: block.pointee.end))
  }

  private mutating func fail(_ violation: ProtocolViolation) -> IncomingEvent {
    reading = violation.keepsFraming ? .closeOnly : .nothing
    messageFirstByte = 0
    return .violation(violation)
  }
}

// MARK: - Blocks

extension Connection {
  /// Where payload may be received directly, at least `minimum` bytes of it: the rest of a large
  /// frame. Report what came with `receivedDirectly`.
  public func directReceiveSpace(atLeast minimum: Int) -> UnsafeMutableRawBufferPointer? {
    guard remainingByteCount >= minimum, reading == .messages, let block = message else {
      return nil
    }
    return UnsafeMutableRawBufferPointer(
      start: block.bytes + block.pointee.end, count: remainingByteCount)
  }

  /// Accepts `count` bytes that were received into `directReceiveSpace`.
  public mutating func receivedDirectly(_ count: Int) -> IncomingEvent {
    guard let block = message else { preconditionFailure("no block to receive into") }
    precondition(count <= remainingByteCount)
    return acceptPayload(block.bytes + block.pointee.end, count, in: block) ?? .needsMore
  }

  /// Memory that the message and the frame in progress take, in bytes.
  public var heldByteCount: Int { (message?.byteCount ?? 0) + (stash?.byteCount ?? 0) }

  /// Gives the block of an assembled message back once it is relayed.
  public mutating func releaseMessage(_ pool: inout BlockPool) {
    if let block = message {
      message = nil
      pool.put(block)
    }
  }

  /// Hands over the block of an assembled message, to be sent from where it is.
  public mutating func takeMessageBlock() -> BlockPointer? {
    defer { message = nil }
    return message
  }

  private mutating func releaseStash(_ pool: inout BlockPool) {
    if let block = stash {
      stash = nil
      pool.put(block)
    }
  }

  /// Gives back all memory.
  public mutating func releaseAll(_ pool: inout BlockPool) {
    releaseMessage(&pool)
    releaseStash(&pool)
    stashedByteCount = 0
    remainingByteCount = 0
    messageFirstByte = 0
  }
}

// MARK: - Closing

extension Connection {
  /// Notes that we send Close now, once (RFC 6455 §5.5.1); false, and the frame must not be sent,
  /// where we already did.
  public mutating func sendClose(_ frame: CloseFrame) -> Bool {
    if sentCode != 0 { return false }
    sentCode = (frame.code ?? .noStatusReceived).rawValue
    sentCloseFirst = receivedCode == 0
    if reading == .messages { reading = .closeOnly }
    return true
  }

  /// Stops reading for good.
  public mutating func stopReading() { reading = .nothing }
}

/// The accepting end of a connection.
public typealias ServerConnection = Connection<ServerRole>
/// The connecting end of a connection.
public typealias ClientConnection = Connection<ClientRole>
