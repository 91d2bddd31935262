// From the first byte to the 101: the request is read, routed, and answered.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  /// Takes bytes of a request; `bytes` is where they and all earlier ones are.
  @inline(never)
  mutating func receiveRequest(
    _ session: SessionPointer, _ bytes: UnsafeMutableRawBufferPointer, searchedByteCount: Int
  ) {
    if session.pointee.awaited.contains(.proxyHeader) {
      return receiveProxyHeader(session, bytes)
    }
    let limits = handshakeLimits(session)
    switch OpeningHandshake.receive(
      UnsafeRawBufferPointer(bytes), searchedByteCount: searchedByteCount, limits: limits)
    {
    case .incomplete: keepRequest(session, bytes)
    case .refused(let refusal): refuse(session, refusal)
    case .request(let request, let byteCount):
      // Messages behind the request may end the session: their memory must outlive it.
      let held = session.pointee.request
      session.pointee.request = nil
      if let refusal = open(session, request) {
        refuse(session, refusal)
      } else if session.pointee.phase == .open && byteCount < bytes.count {
        let start = bytes.baseAddress! + byteCount
        relay(session, ReceivedBytes(start, count: bytes.count - byteCount))
      }
      if let held { pool.put(held) }
    }
  }

  /// Takes the PROXY protocol header off the front of the bytes, and goes on with what follows it.
  private mutating func receiveProxyHeader(
    _ session: SessionPointer, _ bytes: UnsafeMutableRawBufferPointer
  ) {
    switch ProxyHeader.read(UnsafeRawBufferPointer(bytes)) {
    case .incomplete: keepRequest(session, bytes)
    case .invalid(let rule): refuse(session, HandshakeRefusal(status: 400, rule: rule))
    case .complete(let source, let byteCount):
      session.pointee.awaited.remove(.proxyHeader)
      if let source, let client = PeerAddress(bytes: source.address, port: source.port) {
        setPeer(session, client)
      }
      let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[byteCount...])
      // The bytes of a request are at the beginning of its block.
      if let block = session.pointee.request {
        block.bytes.copyMemory(from: rest.baseAddress!, byteCount: rest.count)
        block.pointee.end = rest.count
        receiveBehindProxyHeader(
          session, UnsafeMutableRawBufferPointer(start: block.bytes, count: rest.count))
      } else {
        receiveBehindProxyHeader(session, rest)
      }
    }
  }

  private mutating func receiveBehindProxyHeader(
    _ session: SessionPointer, _ bytes: UnsafeMutableRawBufferPointer
  ) {
    if session.pointee.awaited.contains(.tls) {
      keepRequest(session, bytes)
    } else {
      receiveRequest(session, bytes, searchedByteCount: 0)
    }
  }

  /// Notes whose connection it really is; what was at the other end of the socket is a proxy then.
  private mutating func setPeer(_ session: SessionPointer, _ client: PeerAddress) {
    var facts = session.pointee.details.facts
    if client == facts.peer { return }
    facts.via = facts.via ?? facts.peer
    facts.peer = client
    session.pointee.details.release()
    session.pointee.details = SessionDetails(facts)
  }

  private mutating func keepRequest(
    _ session: SessionPointer, _ bytes: UnsafeMutableRawBufferPointer
  ) {
    let block: BlockPointer
    if let held = session.pointee.request {
      // The bytes are in it already; make room for more.
      block = pool.grow(held, to: bytes.count + 256)
    } else {
      block = pool.take(atLeast: bytes.count + 256)
      block.bytes.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      block.pointee.end = bytes.count
    }
    session.pointee.request = block
  }

  mutating func releaseRequest(_ session: SessionPointer) {
    if let block = session.pointee.request {
      session.pointee.request = nil
      pool.put(block)
    }
  }

  private func handshakeLimits(_ session: SessionPointer) -> HandshakeLimits {
    var limits = HandshakeLimits()
    limits.maximumRequestByteCount =
      listeners[Int(session.pointee.listener)].maximumRequestByteCount
    limits.maximumHeaderFieldCount = Limits.maximumHeaderFieldCount
    limits.maximumPathByteCount = Limits.maximumPathByteCount
    limits.maximumRecordedHeaderByteCount = Limits.maximumRecordedHeaderByteCount
    return limits
  }

  /// Refuses a request that is not complete in time, recording what there is of it.
  mutating func refuseLateRequest(_ session: SessionPointer) {
    guard let request = session.pointee.request else { return refuse(session, .timedOut) }
    let bytes = UnsafeRawBufferPointer(start: request.bytes, count: request.pointee.end)
    refuse(
      session,
      .timedOut.recording(partialRequest: bytes, limits: handshakeLimits(session)))
  }

  /// Opens the session on its route, or says why not.
  private mutating func open(_ session: SessionPointer, _ request: UpgradeRequest)
    -> HandshakeRefusal?
  {
    let trusted = listeners[Int(session.pointee.listener)].trustedProxies
    if !trusted.isEmpty {
      let peer = session.pointee.details.peer
      setPeer(session, peer.client(behind: trusted, forwarded: request.forwardedFor))
    }
    let index: Int
    let subprotocol: String?
    switch admit(request, from: session.pointee.details.peer) {
    case .failure(let refusal): return refusal.recording(request)
    case .success(let admission):
      index = admission.route
      subprotocol = admission.subprotocol
      session.pointee.details.add(
        path: Self.recordedTarget(of: request), origin: request.origin,
        userAgent: request.userAgent, subprotocol: subprotocol ?? "",
        isCountedByPeer: admission.isCountedByPeer)
    }
    session.pointee.route = UInt16(index)
    let error = watchAsClient(session)
    if error != 0 {
      leaveOccupancies(session)
      drop(session, cause: .shed, errno: error, reset: true)
      return nil
    }
    session.pointee.phase = .open
    session.pointee.lastData = now
    counters.openedCount += 1
    let agreed = negotiateCompression(session, request.extensions)
    OpeningHandshake.withResponse(
      to: request, subprotocol: subprotocol, extensions: agreed?.description
    ) { send(session, $0.baseAddress!, $0.count) }
    guard session.pointee.phase == .open else { return nil }
    if !rules[index].isEcho { join(session, request.path) }
    scheduleDeadline(session)
    if recordsOpened { recordOpened(session, session.pointee.details.facts) }
    return nil
  }

  /// Path and query. Held for the life of the connection, so a long query is cut.
  private static func recordedTarget(of request: UpgradeRequest) -> String {
    let target = request.query.isEmpty ? request.path : "\(request.path)?\(request.query)"
    if target.utf8.count <= Limits.maximumPathByteCount { return target }
    return String(decoding: target.utf8.prefix(Limits.maximumPathByteCount), as: UTF8.self)
  }

  /// Has what comes of the session reported without the delay of newcomers; returns 0 or the error
  /// number.
  private mutating func watchAsClient(_ session: SessionPointer) -> Int32 {
    let socket = session.pointee.socket
    let isForward = session.pointee.isForward
    if isForward { leaveForward(session) }
    if !session.pointee.interest.isEmpty {
      if !isForward { transport.letIn(socket, session: session) }
      return 0
    }
    session.pointee.interest = .reading
    return transport.add(
      socket, reading: true, writing: false, session: session, isNewcomer: false)
  }

  /// Makes room for the next newcomer.
  mutating func leaveForward(_ session: SessionPointer) {
    session.pointee.isForward = false
    forwardCount -= 1
  }

  private struct Admission {
    var route: Int
    var subprotocol: String?
    var isCountedByPeer: Bool
  }

  /// Decides on a request, the cheap and general reasons first, and counts the connection if it may
  /// come in.
  private mutating func admit(
    _ request: UpgradeRequest, from peer: PeerAddress
  ) -> Result<Admission, HandshakeRefusal> {
    if drain != nil { return .failure(.draining(retryAfter: Limits.retryAfter)) }
    guard let index = table.match(request.path) else {
      return .failure(.noRoute(path: request.path))
    }
    let origins = table.routes[index].origins
    if !origins.isEmpty && !OriginRule.allows(request.origin, origins) {
      return .failure(.originRefused)
    }
    let supported = table.routes[index].subprotocols
    var subprotocol: String?
    if !supported.isEmpty {
      subprotocol = OpeningHandshake.selectSubprotocol(
        offered: request.subprotocols, supported: supported)
      if subprotocol == nil {
        return .failure(.noCommonSubprotocol)
      }
    }
    return enterOccupancies(index, peer).map { isCountedByPeer in
      Admission(route: index, subprotocol: subprotocol, isCountedByPeer: isCountedByPeer)
    }
  }

  /// Counts a connection everywhere it is bounded, or nowhere; whether by its peer, too.
  private mutating func enterOccupancies(
    _ route: Int, _ peer: PeerAddress
  ) -> Result<Bool, HandshakeRefusal> {
    let occupancy = occupancies[route]
    let maximumOfPeer = table.routes[route].maximumConnectionCountPerPeer
    let network = maximumOfPeer > 0 ? peer.limitedNetwork : nil
    if let network, !occupancy.enter(network, maximum: maximumOfPeer) {
      return .failure(.tooManyConnectionsFromPeer)
    }
    let isOnRoute = occupancy.enter(maximum: table.routes[route].maximumConnectionCount)
    if isOnRoute && shared.open.enter(maximum: shared.maximumConnectionCount) {
      return .success(network != nil)
    }
    if isOnRoute { occupancy.leave() }
    if let network { occupancy.leave(network) }
    return .failure(.tooManyConnections(retryAfter: Limits.retryAfter))
  }

  mutating func join(_ session: SessionPointer, _ path: String) {
    // What others published before this is not for the newcomer.
    if let channel = hub.channel(path), channel.pointee.batch != nil { flush(channel) }
    hub.join(session, path)
    session.pointee.receiveShift = Limits.largestBroadcastReceiveShift
  }

  private mutating func recordOpened(
    _ session: SessionPointer, _ facts: SessionDetails.Facts
  ) {
    transport.record(
      .opened(
        OpenedConnection(
          connectionID: facts.connectionID,
          route: table.names[Int(session.pointee.route)],
          listener: listeners[Int(session.pointee.listener)].name, peer: facts.peer,
          path: facts.path, origin: facts.origin, subprotocol: facts.subprotocol,
          userAgent: facts.userAgent)))
  }

  /// Answers a request with an HTTP error and ends the connection.
  mutating func refuse(_ session: SessionPointer, _ refusal: HandshakeRefusal) {
    let facts = session.pointee.details.facts
    counters.refusedCount += 1
    transport.record(
      .refused(
        RefusedHandshake(
          connectionID: facts.connectionID, status: refusal.status, rule: refusal.rule,
          listener: listeners[Int(session.pointee.listener)].name, peer: facts.peer, via: facts.via,
          path: refusal.path, origin: refusal.origin, userAgent: refusal.userAgent,
          duration: UInt64(max(0, now - facts.acceptedAt)))))
    session.pointee.phase = .closing
    session.pointee.isRefused = true
    session.pointee.owedSince = now
    refusal.response().withUnsafeBytes {
      send(session, $0.baseAddress!, $0.count, isLast: true)
    }
    guard session.pointee.phase == .closing else { return }
    endSendingWhenFlushed(session)
    scheduleDeadline(session)
  }
}
