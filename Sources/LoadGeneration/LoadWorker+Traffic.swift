// Bytes in and out of open connections: frames are the protocol's business, what they should say
// the scenario's.

import CLinux
import Glibc
import RelayEngine
import WebSocketProtocol

// Not the poller's own: what another module of the package computes is called, once an event.
extension epoll_event {
  /// Whether a receive call finds something, be it the end.
  fileprivate var isReadable: Bool {
    events & (EPOLLIN.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
  }
  fileprivate var isWritable: Bool { events & EPOLLOUT.rawValue != 0 }
}

extension LoadWorker where Scenario: ~Copyable {
  /// Payload of a frame is received where it is put together if so much of it is missing.
  private static var directByteCount: Int { 64 << 10 }

  /// Acts on what epoll says of a connection.
  @inline(__always)
  mutating func act(on event: epoll_event) {
    guard let link = LinkPointer(bitPattern: UInt(event.data.u64)) else { return }
    switch link.pointee.phase {
    case .open, .closing:
      if event.isWritable { flush(link) }
      if event.isReadable { receive(link) }
    case .connecting: connected(link)
    case .securing:
      if links.sendWaiting(link) { continueSecuring(link) }
    case .handshake:
      if event.isWritable { flush(link) }
      guard event.isReadable && link.pointee.phase == .handshake else { break }
      repeat { readAnswer(link) } while links.holdsMore(link) && link.pointee.phase == .handshake
      if links.holdsMore(link) { receive(link) }
    case .unopened, .ended: break
    }
  }

  // MARK: - Sending

  /// Sends what there is to be sent until there is no more or no room.
  @inline(__always)
  mutating func flush(_ link: LinkPointer) {
    if !links.sendWaiting(link) { return }
    while true {
      if link.pointee.unsent.isEmpty {
        guard let bytes = nextBytes(link) else { break }
        link.pointee.unsent = bytes
      }
      var failure: Int32 = 0
      if !links.send(link, failure: &failure) {
        // What the server said before it went is still to be read, and tells more.
        if failure != 0 && link.pointee.phase != .closing { receive(link) }
        return
      }
    }
    links.watchRoom(link, link.pointee.secure?.pointee.hasWaiting ?? false)
  }

  @inline(__always)
  private mutating func nextBytes(_ link: LinkPointer) -> UnsafeRawBufferPointer? {
    if link.pointee.control != nil && links.sendControlNext(link) { return link.pointee.unsent }
    guard link.pointee.phase == .open else { return nil }
    return scenario.next(for: link, &links)
  }

  // MARK: - Receiving

  /// Receives once, and all of what that brought.
  @inline(__always)
  mutating func receive(_ link: LinkPointer) {
    repeat {
      guard link.pointee.phase == .open || link.pointee.phase == .closing else { return }
      receiveOnce(link)
    } while links.holdsMore(link)
  }

  @inline(__always)
  private mutating func receiveOnce(_ link: LinkPointer) {
    if let space = link.pointee.connection.directReceiveSpace(atLeast: Self.directByteCount) {
      let count = links.receive(link, space)
      if count <= 0 { return receivedNothing(link, count) }
      let event = link.pointee.connection.receivedDirectly(count)
      guard handle(event, link) else { return }
    } else {
      let count = links.receive(link, links.buffer)
      if count <= 0 { return receivedNothing(link, count) }
      var bytes = ReceivedBytes(links.buffer.baseAddress!, count: count)
      if link.pointee.connection.isBetweenMessages {
        scenario.takeReplies(&bytes, on: link, &links)
      }
      if bytes.count > 0 {
        if let begun = scenario.returnReply(link) { received(begun, link) }
        received(bytes, link)
      }
    }
    if Scenario.answersAtOnce && link.pointee.phase == .open { flush(link) }
  }

  /// Takes what was received apart.
  @inline(never)
  mutating func received(_ bytes: ReceivedBytes, _ link: LinkPointer) {
    var bytes = bytes
    let maximum = links.maximumMessageByteCount
    while link.pointee.phase != .ended {
      while let message = link.pointee.connection.takeWholeMessage(
        &bytes, maximumByteCount: maximum)
      {
        scenario.received(
          UnsafeRawBufferPointer(start: message.payload, count: message.byteCount),
          firstByte: message.firstByte, on: link, &links)
      }
      if bytes.count == 0 && link.pointee.connection.isBetweenMessages { return }
      let event = link.pointee.connection.nextEvent(
        &bytes, maximumMessageByteCount: maximum, pool: &links.blocks)
      if !handle(event, link) { return }
    }
  }

  /// Acts on an event; false: nothing more is to be read now.
  private mutating func handle(_ event: IncomingEvent, _ link: LinkPointer) -> Bool {
    switch event {
    case .needsMore: return false
    case .message(let message):
      deliver(message, link)
      link.pointee.connection.releaseMessage(&links.blocks)
      return true
    case .ping(let payload):
      links.appendControl(.pong, payload, link)
      links.makeReady(link)
      return true
    case .pong: return true
    case .close(let frame):
      if link.pointee.connection.codeSent == nil && links.stage < .closing {
        let code = frame.code.map { "\($0.rawValue)" } ?? "no code"
        links.note(.closed, link, "closed by the server: \(code) \(frame.reason)")
      }
      links.close(link, frame.code ?? .normalClosure)
      return false
    case .violation(let violation):
      links.note(.violation, link, violation.description)
      links.close(link, violation.closeCode)
      return false
    }
  }

  /// A message that had to be put together, and may be compressed.
  private mutating func deliver(_ message: IncomingMessage, _ link: LinkPointer) {
    let payload = UnsafeRawBufferPointer(start: message.payload, count: message.byteCount)
    guard message.firstByte & FrameHeader.compressedBit != 0 else {
      scenario.received(payload, firstByte: message.firstByte, on: link, &links)
      return
    }
    guard let stream = link.pointee.inflater ?? inflater else { return }
    let inflated = stream.inflate(
      message.payload, message.byteCount, maximumByteCount: links.maximumMessageByteCount,
      keepsContext: link.pointee.inflater != nil, pool: &links.blocks)
    guard case .inflated(let block, _) = inflated else {
      links.note(.violation, link, "a compressed message that does not inflate")
      links.close(link, .invalidPayload)
      return
    }
    scenario.received(
      UnsafeRawBufferPointer(start: block.bytes, count: block.pointee.end),
      firstByte: message.firstByte & ~FrameHeader.compressedBit, on: link, &links)
    links.blocks.put(block)
  }

  /// The end of TCP, or an error, or nothing at all.
  @inline(never)
  private mutating func receivedNothing(_ link: LinkPointer, _ count: Int) {
    let error = errno
    if count < 0 && (error == EAGAIN || error == EINTR) { return }
    let connection = link.pointee.connection
    if connection.codeSent != nil && connection.codeReceived != nil {
      let opensAgain = scenario.ended(link, &links)
      links.release(link)
      if opensAgain { open(link) }
    } else {
      let end = count == 0 ? "TCP ended without a Close frame" : errorText(error)
      fail(link, .closed, links.takeTLSFailure() ?? end)
    }
  }
}
