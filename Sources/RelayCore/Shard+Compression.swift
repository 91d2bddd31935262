// permessage-deflate (RFC 7692): what is negotiated, and how compressed messages are relayed.
//
// Without contexts a compressed message stands by itself. So it is inflated only to be checked, its
// size, its UTF-8, and then relayed as it came to every peer that takes that form: nothing is
// compressed again. What came uncompressed is compressed once for all members of a channel. With
// contexts each peer has streams of its own, and each message is compressed for it alone.

import WebSocketProtocol

extension Shard where T: ~Copyable {
  // MARK: - Opening and end

  /// What is agreed on with a client; the session is set up for it. nil: nothing.
  mutating func negotiateCompression(
    _ session: SessionPointer, _ offers: [ExtensionOffer]
  ) -> ExtensionOffer? {
    if offers.isEmpty { return nil }
    let route = table.routes[Int(session.pointee.route)]
    if route.compression == .off { return nil }
    // A message that is dropped would be missing from the context of those after it.
    let keepsContext =
      route.compression == .context && route.slowConsumerPolicy == .disconnect
      && heldByteCount + CompressionContexts.maximumByteCount <= maximumHeldByteCount
    let preference: DeflatePreference =
      keepsContext
      ? .withContext(maximumWindowBits: CompressionContexts.maximumWindowBits) : .withoutContext
    guard let agreed = DeflateParameters.negotiate(offers, preference) else { return nil }
    if keepsContext {
      guard let context = CompressionContexts(agreed) else { return nil }
      contexts[session.pointee.index] = context
      contextByteCount += CompressionContexts.maximumByteCount
      session.pointee.compression = .context
    } else {
      session.pointee.compression = .withoutContext(windowBits: agreed.serverMaximumWindowBits)
    }
    session.pointee.connection.allowedReservedBits = FrameHeader.compressedBit
    return agreed.response
  }

  mutating func releaseContexts(_ session: SessionPointer) {
    guard let context = contexts.removeValue(forKey: session.pointee.index) else { return }
    context.release()
    contextByteCount -= CompressionContexts.maximumByteCount
  }

  // MARK: - Messages that come compressed

  /// Relays a compressed message, which the session's connection has put together.
  @inline(never)
  mutating func relayCompressed(
    _ message: IncomingMessage, _ session: SessionPointer, _ rules: UnsafePointer<RouteRules>,
    _ reply: inout ReplyBuffer, _ replyLimit: UnsafeMutableRawPointer
  ) {
    let maximumByteCount = rules.pointee.maximumMessageByteCount
    switch inflate(message, session, maximumByteCount) {
    case .invalid:
      if !reply.isEmpty { flush(&reply, session) }
      fail(session, .invalidDeflate)
    case .tooBig:
      if !reply.isEmpty { flush(&reply, session) }
      fail(session, .inflatedMessageTooBig(maximumByteCount: maximumByteCount))
    case .inflated(let block, let isPlainDeflate):
      let plain = IncomingMessage(
        firstByte: message.firstByte & ~FrameHeader.compressedBit, isAssembled: true,
        maskingKey: 0, payload: block.bytes, byteCount: block.pointee.end)
      // RFC 7692 §6.2, RFC 6455 §8.1: it is the inflated payload that must be UTF-8.
      if plain.isText && !UTF8Validator.isValid(block.bytes, block.pointee.end) {
        pool.put(block)
        if !reply.isEmpty { flush(&reply, session) }
        return fail(session, .invalidUTF8InText)
      }
      guard admit(plain, byteCount: message.byteCount, session, rules, &reply) else {
        return pool.put(block)
      }
      if rules.pointee.isEcho {
        echoCompressed(message, plain: block, isPlainDeflate, session, &reply, replyLimit)
      } else {
        // Publishing may send a full batch, which may end this very session: its end must not give
        // away the memory that is being published.
        let held = session.pointee.connection.takeMessageBlock()
        let isRelayable = isPlainDeflate && !session.pointee.compression.keepsContext
        _ = publish(plain, session, rules, original: isRelayable ? message : nil)
        if let held { pool.put(held) }
        pool.put(block)
      }
    }
  }

  private mutating func inflate(
    _ message: IncomingMessage, _ session: SessionPointer, _ maximumByteCount: Int
  ) -> InflatedMessage {
    let context = contexts[session.pointee.index]
    if context == nil && sharedInflater == nil {
      sharedInflater = Inflater(windowBits: DeflateParameters.maximumWindowBits)
    }
    // Without memory for a stream there is none for the message either.
    guard let inflater = context?.inflater ?? sharedInflater else { return .tooBig }
    return inflater.inflate(
      message.payload, message.byteCount, maximumByteCount: maximumByteCount,
      keepsContext: context.map { !$0.clientResets } ?? false, pool: &pool)
  }

  /// Replies in the form the message came in; takes the block of the inflated message.
  private mutating func echoCompressed(
    _ message: IncomingMessage, plain block: BlockPointer, _ isPlainDeflate: Bool,
    _ session: SessionPointer, _ reply: inout ReplyBuffer, _ limit: UnsafeMutableRawPointer
  ) {
    let firstByte = message.firstByte
    if let context = contexts[session.pointee.index] {
      let compressed = deflated(block, for: context)
      pool.put(block)
      self.reply(firstByte, compressed, session, &reply, limit)
    } else if isPlainDeflate
      && session.pointee.compression.takesWithoutContext(messageByteCount: block.pointee.end),
      let original = session.pointee.connection.takeMessageBlock()
    {
      pool.put(block)
      self.reply(firstByte, original, session, &reply, limit)
    } else {
      // A message may always be sent as it is (RFC 7692 §6.1).
      self.reply(firstByte & ~FrameHeader.compressedBit, block, session, &reply, limit)
    }
  }

  private mutating func deflated(
    _ block: BlockPointer, for context: CompressionContexts
  ) -> BlockPointer {
    let count = block.pointee.end
    let compressed = pool.take(atLeast: context.deflater.maximumByteCount(forPayload: count))
    compressed.pointee.end = context.deflater.deflate(
      block.bytes, count, to: compressed.bytes, keepsContext: !context.serverResets)
    return compressed
  }
}
