// Where a connection stands in its stream of frames, as a value that outlives the process: taken
// between two receive calls, and taken up by a process that knows nothing else of the connection.
// Whoever takes one up got it from outside: nothing in it is believed.

/// The reading state of a connection, and what it has said and heard of closing.
public struct ConnectionSnapshot: Equatable, Sendable {
  /// `Connection.Reading` as a number.
  public var reading: UInt8 = 0
  /// FIN, RSV1 and opcode of the message in progress; 0: none.
  public var messageFirstByte: UInt8 = 0
  /// Whether the frame in progress is the last of its message.
  public var isFinalFrame = false
  /// RSV bits that were negotiated.
  public var allowedReservedBits: UInt8 = 0
  /// Of the frame in progress: the key for its next byte.
  public var maskingKey: UInt32 = 0
  /// Payload bytes of the frame in progress that are still to come.
  public var remainingByteCount = 0
  /// Where the validator of a text in progress stands.
  public var textState: UInt32 = 0
  /// What has come of the message in progress, unmasked.
  public var message: [UInt8] = []
  /// What has come of a header or control frame that is not whole, as it came.
  public var partialFrame: [UInt8] = []
  /// Codes as `Connection` keeps them: 0 for no Close, 1005 for one without a code.
  public var sentCode: UInt16 = 0
  /// The peer's, in the same form.
  public var receivedCode: UInt16 = 0
  /// Whether our Close was first.
  public var sentCloseFirst = false

  /// A connection that has just been opened.
  public init() {}

  /// What the message in progress will have once the frame in progress is there, in bytes.
  public var expectedByteCount: Int {
    let (sum, overflow) = message.count.addingReportingOverflow(remainingByteCount)
    return overflow ? .max : sum
  }
}

extension Connection {
  /// Where it stands; only between two receive calls.
  public var snapshot: ConnectionSnapshot {
    var snapshot = ConnectionSnapshot()
    snapshot.reading = reading.rawValue
    snapshot.isFinalFrame = isFinalFrame
    snapshot.allowedReservedBits = allowedReservedBits
    snapshot.maskingKey = maskingKey
    snapshot.remainingByteCount = remainingByteCount
    snapshot.sentCode = sentCode
    snapshot.receivedCode = receivedCode
    snapshot.sentCloseFirst = sentCloseFirst
    if let stash { snapshot.partialFrame = Self.copy(stash, Int(stashedByteCount)) }
    // Once a Close was sent, data is skipped, not put together.
    if reading == .messages, messageFirstByte != 0, let message {
      snapshot.messageFirstByte = messageFirstByte
      snapshot.textState = utf8.state
      snapshot.message = Self.copy(message, message.pointee.end)
    }
    return snapshot
  }

  private static func copy(_ block: BlockPointer, _ count: Int) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: block.bytes, count: count))
  }

  /// A connection that goes on from there; nil: none ever stands there.
  ///
  /// A message in progress above `maximumMessageByteCount` is left out: the connection then reads
  /// no more messages, and the owner has to close it, as after a violation.
  public init?(
    _ snapshot: ConnectionSnapshot, maximumMessageByteCount: Int, pool: inout BlockPool
  ) {
    guard let reading = Reading(rawValue: snapshot.reading),
      let utf8 = UTF8Validator(state: snapshot.textState),
      snapshot.isPossible
    else { return nil }
    self.init()
    self.reading = reading
    self.utf8 = utf8
    messageFirstByte = snapshot.messageFirstByte
    isFinalFrame = snapshot.isFinalFrame
    allowedReservedBits = snapshot.allowedReservedBits
    maskingKey = snapshot.maskingKey
    remainingByteCount = snapshot.remainingByteCount
    sentCode = snapshot.sentCode
    receivedCode = snapshot.receivedCode
    sentCloseFirst = snapshot.sentCloseFirst
    if !snapshot.partialFrame.isEmpty {
      stash = Self.block(of: snapshot.partialFrame, atLeast: Self.stashByteCount, &pool)
      stashedByteCount = UInt8(snapshot.partialFrame.count)
    }
    if messageFirstByte == 0 { return }
    if snapshot.expectedByteCount > maximumPayloadByteCount(maximumMessageByteCount) {
      self.reading = .closeOnly
      messageFirstByte = 0
    } else {
      message = Self.block(of: snapshot.message, atLeast: snapshot.expectedByteCount, &pool)
    }
  }

  private static func block(
    of bytes: [UInt8], atLeast count: Int, _ pool: inout BlockPool
  ) -> BlockPointer {
    let block = pool.take(atLeast: count)
    bytes.withUnsafeBytes {
      if let base = $0.baseAddress { block.bytes.copyMemory(from: base, byteCount: $0.count) }
    }
    block.pointee.end = bytes.count
    return block
  }
}

extension ConnectionSnapshot {
  /// Whether a connection that keeps its own rules can stand there.
  fileprivate var isPossible: Bool {
    let readsMessages = reading == ServerConnection.Reading.messages.rawValue
    let isInMessage = messageFirstByte != 0
    guard remainingByteCount >= 0, partialFrame.count < ServerConnection.stashByteCount,
      // A frame whose payload is coming in has its header behind it.
      partialFrame.isEmpty || remainingByteCount == 0,
      allowedReservedBits & ~FrameHeader.compressedBit == 0
    else { return false }
    if readsMessages {
      guard sentCode == 0, receivedCode == 0, isInMessage || remainingByteCount == 0 else {
        return false
      }
    }
    guard isInMessage else { return message.isEmpty }
    let opcode = Opcode(rawValue: messageFirstByte & 0x0F)
    return readsMessages && messageFirstByte & FrameHeader.finalBit != 0
      && messageFirstByte & FrameHeader.reservedBits & ~allowedReservedBits == 0
      && (opcode == .text || opcode == .binary)
  }
}
