// A connection under test, fed as the relay feeds it: whole messages first, then any event;
// payloads copied out, assembled messages given back, a breach answered with Close, a Close with
// Close.
//
// Every chunk of received bytes lies in a heap allocation of just its size, so that the address
// sanitizer sees a read past it.

import WebSocketProtocol

/// What a connection handed out, with payloads copied.
package enum DialogueEvent: Equatable, Sendable {
  /// FIN, RSV bits and opcode, and the payload.
  case message(UInt8, [UInt8])
  case ping([UInt8])
  case pong([UInt8])
  case close(CloseFrame)
  case violation(ProtocolViolation)
  /// The connection asked for more bytes and had not taken all it was given: never right.
  case leftOver(byteCount: Int)

  package static func text(_ text: String) -> DialogueEvent {
    .message(0x81, Array(text.utf8))
  }

  package static func binary(_ payload: [UInt8]) -> DialogueEvent { .message(0x82, payload) }

  package static func close(_ code: UInt16, _ reason: String = "") -> DialogueEvent {
    .close(CloseFrame(code: CloseCode(rawValue: code), reason: reason))
  }

  package static var emptyClose: DialogueEvent { .close(CloseFrame(code: nil)) }
}

/// In which pieces bytes arrive.
package enum Delivery: Equatable, Sendable {
  case whole
  case split(at: Int)
  /// Receive calls of at most so many bytes.
  case chunks(of: Int)
  /// The same, but payload of which at least `minimum` bytes are to come is received where the
  /// message is put together, at most `limit` bytes at a time; and assembled messages are taken
  /// over.
  case direct(minimum: Int, limit: Int, chunk: Int)
}

/// One conversation with an endpoint of a role.
package struct ConnectionDialogue<Role: EndpointRole>: ~Copyable {
  package var connection = Connection<Role>()
  package private(set) var events: [DialogueEvent] = []
  /// Messages that the fast path took.
  package private(set) var wholeMessageCount = 0
  /// Bytes that were received where their message was put together.
  package private(set) var directByteCount = 0
  private var pool: BlockPool
  private let maximumMessageByteCount: Int
  private var takesMessageBlocks = false

  package init(
    maximumMessageByteCount: Int = 1 << 20, allowedReservedBits: UInt8 = 0,
    maximumPooledByteCount: Int = 1 << 22
  ) {
    self.maximumMessageByteCount = maximumMessageByteCount
    self.pool = BlockPool(maximumPooledByteCount: maximumPooledByteCount)
    connection.allowedReservedBits = allowedReservedBits
  }

  /// Blocks the connection still holds.
  package var lentCount: Int { pool.lentCount }

  /// Gives back all memory; what is outstanding afterwards is lost.
  package mutating func releaseAll() { connection.releaseAll(&pool) }

  /// Sends Close, as the relay does: what was put together so far is dropped.
  package mutating func sendClose(_ frame: CloseFrame) {
    connection.releaseMessage(&pool)
    _ = connection.sendClose(frame)
  }

  /// Receives bytes in the pieces of `delivery`.
  package mutating func receive(_ bytes: [UInt8], _ delivery: Delivery = .whole) {
    switch delivery {
    case .whole: receive(bytes[...])
    case .split(let position):
      receive(bytes[..<position])
      receive(bytes[position...])
    case .chunks(let size):
      for start in stride(from: 0, to: bytes.count, by: size) {
        receive(bytes[start..<Swift.min(start + size, bytes.count)])
      }
    case .direct(let minimum, let limit, let chunk):
      receiveDirectly(bytes, minimum: minimum, limit: limit, chunk: chunk)
    }
  }
}

// MARK: - As the relay does it

extension ConnectionDialogue {
  private var isOpen: Bool { connection.codeSent == nil && connection.codeReceived == nil }

  /// One receive call into a receive buffer.
  private mutating func receive(_ bytes: ArraySlice<UInt8>) {
    guard !bytes.isEmpty else { return }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    guard let start = memory.baseAddress else { return }
    var input = ReceivedBytes(start, count: bytes.count)
    while true {
      if isOpen,
        let message = connection.takeWholeMessage(
          &input, maximumByteCount: maximumMessageByteCount)
      {
        wholeMessageCount += 1
        accept(message)
        continue
      }
      // As in the relay, no limit holds while data is skipped.
      let event = connection.nextEvent(
        &input, maximumMessageByteCount: isOpen ? maximumMessageByteCount : .max, pool: &pool)
      guard accept(event) else { break }
    }
    if input.count > 0 { events.append(.leftOver(byteCount: input.count)) }
  }

  private mutating func receiveDirectly(_ bytes: [UInt8], minimum: Int, limit: Int, chunk: Int) {
    takesMessageBlocks = true
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let space = connection.directReceiveSpace(atLeast: minimum) else {
        receive(rest.prefix(chunk))
        rest = rest.dropFirst(chunk)
        continue
      }
      let piece = rest.prefix(Swift.min(space.count, limit))
      space.copyBytes(from: piece)
      rest = rest.dropFirst(piece.count)
      directByteCount += piece.count
      accept(connection.receivedDirectly(piece.count))
    }
  }

  /// Notes an event; false: all bytes are used up.
  @discardableResult
  private mutating func accept(_ event: IncomingEvent) -> Bool {
    switch event {
    case .needsMore: return false
    case .message(let message): accept(message)
    case .ping(let payload): events.append(.ping(Array(payload)))
    case .pong(let payload): events.append(.pong(Array(payload)))
    case .close(let frame):
      events.append(.close(frame))
      sendClose(CloseFrame(code: frame.code))
    case .violation(let violation): accept(violation)
    }
    return true
  }

  private mutating func accept(_ message: IncomingMessage) {
    var isValid = true
    let payload = [UInt8](unsafeUninitializedCapacity: Swift.max(message.byteCount, 1)) {
      isValid = message.copyPayload(to: UnsafeMutableRawPointer($0.baseAddress!))
      $1 = message.byteCount
    }
    if isValid {
      events.append(.message(message.firstByte, payload))
    } else {
      accept(.invalidUTF8InText)
    }
    guard message.isAssembled else { return }
    if takesMessageBlocks {
      if let block = connection.takeMessageBlock() { pool.put(block) }
    } else {
      connection.releaseMessage(&pool)
    }
  }

  private mutating func accept(_ violation: ProtocolViolation) {
    events.append(.violation(violation))
    if isOpen {
      sendClose(CloseFrame(code: violation.closeCode, reason: violation.description))
    } else {
      connection.stopReading()
    }
  }
}
