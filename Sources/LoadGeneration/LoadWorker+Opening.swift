// How a connection comes into being: TCP, then the opening handshake (RFC 6455 §4.1).

import CLinux
import Glibc
import RelayEngine
import WebSocketProtocol

extension LoadWorker where Scenario: ~Copyable {
  /// Begins to connect.
  mutating func open(_ link: LinkPointer) {
    link.pointee.beginning = MonotonicClock.nanoseconds()
    link.pointee.phase = .connecting
    let family = setup.address.family
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    link.pointee.socket = socket(family, type, 0)
    if link.pointee.socket < 0 { return fail(link, .connect, "socket: \(errorText(errno))") }
    var one: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    setsockopt(link.pointee.socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
    let result = setup.address.withSockaddr { connect(link.pointee.socket, $0, $1) }
    if result != 0 && errno != EINPROGRESS {
      return fail(link, .connect, "connect: \(errorText(errno))")
    }
    let tag = UInt64(UInt(bitPattern: link))
    let error = links.poller.add(link.pointee.socket, tag: tag)
    if error != 0 { return fail(link, .connect, "epoll_ctl: \(errorText(error))") }
    links.watchRoom(link, true)
    handshakes[link.pointee.slot] = makeHandshake()
  }

  private mutating func makeHandshake() -> ClientHandshake {
    ClientHandshake(
      path: setup.plan.target.path, host: setup.plan.target.hostField,
      key: links.keys.handshakeKey(),
      subprotocols: setup.plan.subprotocols,
      extensions: setup.plan.offersDeflate ? [AgreedDeflate.offer] : [],
      extraHeaders: setup.plan.extraHeaders)
  }

  /// The socket is connected, or never will be.
  mutating func connected(_ link: LinkPointer) {
    var error: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(link.pointee.socket, SOL_SOCKET, SO_ERROR, &error, &size)
    if error != 0 { return fail(link, .connect, "connect: \(errorText(error))") }
    guard let memory = links.tls else { return sendRequest(link) }
    links.watchRoom(link, false)
    link.pointee.phase = .securing
    if !links.beginTLS(link, host: setup.plan.target.host, memory) {
      fail(link, .handshake, "TLS: out of memory")
    }
  }

  /// Goes on with the handshake of TLS; a server says nothing before it is asked.
  mutating func continueSecuring(_ link: LinkPointer) {
    let count = links.receive(link, links.buffer)
    let error = errno
    if link.pointee.secure?.pointee.tls.isEstablished == true { return sendRequest(link) }
    if count < 0 && (error == EAGAIN || error == EINTR) { return }
    fail(
      link, .handshake,
      links.takeTLSFailure()
        ?? (count < 0 ? errorText(error) : "the server ended TCP within the handshake of TLS"))
  }

  private mutating func sendRequest(_ link: LinkPointer) {
    guard let request = handshakes[link.pointee.slot]?.request() else { return }
    link.pointee.phase = .handshake
    let block = links.blocks.take(atLeast: request.count)
    request.withUnsafeBytes { block.bytes.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    block.pointee.end = request.count
    link.pointee.control = block
    flush(link)
  }

  /// Reads on in the server's answer.
  mutating func readAnswer(_ link: LinkPointer) {
    let limits = HandshakeLimits()
    let block =
      link.pointee.head ?? links.blocks.take(atLeast: limits.maximumRequestByteCount)
    link.pointee.head = block
    let searched = block.pointee.end
    let count = links.receive(
      link, UnsafeMutableRawBufferPointer(start: block.bytes + searched, count: block.room))
    if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
    if count < 0 { return fail(link, .handshake, errorText(errno)) }
    if count == 0 {
      let failure = links.takeTLSFailure()
      return fail(link, .handshake, failure ?? "the server ended TCP without an answer")
    }
    block.pointee.end += count
    guard let handshake = handshakes[link.pointee.slot] else { return }
    let bytes = UnsafeRawBufferPointer(start: block.bytes, count: block.pointee.end)
    do throws(ClientHandshakeError) {
      guard
        let answer = try handshake.receive(bytes, searchedByteCount: searched, limits: limits)
      else { return }
      guard agree(answer.upgrade, link) else {
        return fail(link, .handshake, "the server did not agree to permessage-deflate")
      }
      opened(link, answer.byteCount)
    } catch {
      fail(link, .handshake, error.text)
    }
  }

  private mutating func agree(_ upgrade: AcceptedUpgrade, _ link: LinkPointer) -> Bool {
    guard setup.plan.offersDeflate else { return true }
    guard upgrade.extensions.count == 1, let answer = upgrade.extensions.first,
      let keepsContext = AgreedDeflate.keepsContext(answer)
    else { return false }
    link.pointee.connection.allowedReservedBits = FrameHeader.compressedBit
    if keepsContext {
      link.pointee.inflater = Inflater(windowBits: DeflateParameters.maximumWindowBits)
      return link.pointee.inflater != nil
    }
    inflater = inflater ?? Inflater(windowBits: DeflateParameters.maximumWindowBits)
    return inflater != nil
  }

  private mutating func opened(_ link: LinkPointer, _ headByteCount: Int) {
    handshakes[link.pointee.slot] = nil
    link.pointee.phase = .open
    links.openCount += 1
    links.result.openings.record(MonotonicClock.nanoseconds() - link.pointee.beginning)
    if let block = link.pointee.head {
      link.pointee.head = nil
      let rest = ReceivedBytes(
        block.bytes + headByteCount, count: block.pointee.end - headByteCount)
      received(rest, link)
      links.blocks.put(block)
    }
    if links.isLoading { links.makeReady(link) }
    // It opened too late to be of use, and leaves like the others.
    if links.stage == .closing { links.close(link, .normalClosure) }
  }

  /// Releases the connections that are not open yet.
  mutating func giveUpOpening() {
    for slot in handshakes.keys { links.release(links.link(slot)) }
    handshakes = [:]
  }

  /// Gives a connection up for what is wrong with it.
  mutating func fail(_ link: LinkPointer, _ kind: FaultKind, _ text: String) {
    // Whoever closes need not mind how the other end does.
    if links.stage < .closing { links.note(kind, link, text) }
    handshakes[link.pointee.slot] = nil
    links.release(link)
  }

  /// An error number in words.
  func errorText(_ number: Int32) -> String { String(cString: strerror(number)) }
}

extension ClientHandshakeError {
  /// For people who know HTTP.
  var text: String {
    switch self {
    case .malformedResponse(let rule): "the answer is not HTTP: \(rule)"
    case .responseTooLong: "the answer does not end"
    case .unexpectedStatus(let status): "the server answered \(status) instead of 101"
    case .upgradeMissing: "a 101 without \"Upgrade: websocket\""
    case .connectionMissing: "a 101 without \"Connection: Upgrade\""
    case .acceptMismatch: "a 101 with a wrong Sec-WebSocket-Accept"
    case .unofferedSubprotocol(let name): "a subprotocol that was not offered: \(name)"
    case .unofferedExtension(let name): "an extension that was not offered: \(name)"
    }
  }
}
