// The messages of a run as they are sent and as they must come back: frames one behind the other,
// so that a batch of them is one send from where they lie, and one comparison.

import WebSocketProtocol

/// Messages of one thread, laid out once.
struct MessagePool: ~Copyable {
  /// How many there are.
  let count: Int
  /// FIN and the opcode of every message, without compression.
  let firstByte: UInt8
  private let frames: UnsafeMutableRawPointer
  /// The messages as frames of a server that neither splits nor compresses them.
  private let replies: UnsafeMutableRawPointer
  /// Where each message begins, and the last one ends.
  private let places: UnsafeMutablePointer<Place>

  /// Bytes before a message.
  private struct Place {
    var frames = 0
    var replies = 0
    var payloads = 0
  }

  /// Frames for messages, of which there is at least one.
  ///
  /// A compressed message refers to none before it, which is allowed whatever was agreed on
  /// (RFC 7692 §7.1.1.2): so it can be sent again.
  init(_ messages: [[UInt8]], isText: Bool, compresses: Bool) {
    precondition(!messages.isEmpty, "no messages")
    count = messages.count
    firstByte = FrameHeader.finalBit | (isText ? Opcode.text : .binary).rawValue
    var sent = messages
    if compresses {
      let deflater = Deflater.ofBrowsers
      defer { deflater.release() }
      sent = messages.map { deflater.compressed($0) }
    }
    frames = Self.room(for: sent)
    replies = Self.room(for: messages)
    places = .allocate(capacity: count + 1)
    var place = Place()
    places.initialize(to: place)
    for (index, message) in messages.enumerated() {
      place.frames += Self.writeFrame(
        sent[index], firstByte | (compresses ? FrameHeader.compressedBit : 0),
        to: frames + place.frames)
      place.replies += Self.writeReply(message, firstByte, to: replies + place.replies)
      place.payloads += message.count
      (places + index + 1).initialize(to: place)
    }
  }

  private static func room(for messages: [[UInt8]]) -> UnsafeMutableRawPointer {
    .allocate(
      byteCount: messages.reduce(0) { $0 + $1.count + FrameHeader.maximumByteCount },
      alignment: 64)
  }

  private static func writeFrame(
    _ message: [UInt8], _ firstByte: UInt8, to frame: UnsafeMutableRawPointer
  ) -> Int {
    // RFC 6455 §5.3 wants keys that the peer cannot foresee; that one comes again is the price of
    // not masking while measuring.
    let key = UInt32.random(in: 0...UInt32.max)
    let header = FrameHeader.writeClient(
      firstByte, payloadByteCount: message.count, maskingKey: key, to: frame)
    message.withUnsafeBytes {
      // An empty message has no address.
      guard let bytes = $0.baseAddress else { return }
      _ = Masking.apply(key, from: bytes, count: $0.count, to: frame + header)
    }
    return header + message.count
  }

  private static func writeReply(
    _ message: [UInt8], _ firstByte: UInt8, to frame: UnsafeMutableRawPointer
  ) -> Int {
    let header = FrameHeader.writeServer(firstByte, payloadByteCount: message.count, to: frame)
    message.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(start: frame + header, count: $0.count).copyMemory(from: $0)
    }
    return header + message.count
  }

  deinit {
    frames.deallocate()
    replies.deallocate()
    places.deallocate()
  }

  /// Frames that lie behind each other, at most `limit` of them, from the one at `index` on.
  @inline(__always)
  func frames(from index: Int, limit: Int) -> (bytes: UnsafeRawBufferPointer, count: Int) {
    let end = min(index &+ limit, count)
    let start = places[index].frames
    return (
      UnsafeRawBufferPointer(start: frames + start, count: places[end].frames &- start),
      end &- index
    )
  }

  /// Replies that lie behind each other, at most `limit` of them, from the one at `index` on.
  @inline(__always)
  func replies(from index: Int, limit: Int) -> (bytes: UnsafeRawBufferPointer, count: Int) {
    let end = min(index &+ limit, count)
    let start = places[index].replies
    return (
      UnsafeRawBufferPointer(start: replies + start, count: places[end].replies &- start),
      end &- index
    )
  }

  /// How many bytes so many replies are that lie behind each other.
  @inline(__always)
  func replyByteCount(from index: Int, count: Int) -> Int {
    places[index &+ count].replies &- places[index].replies
  }

  /// What a message says.
  @inline(__always)
  func payload(_ index: Int) -> UnsafeRawBufferPointer {
    let byteCount = payloadByteCount(from: index, count: 1)
    return UnsafeRawBufferPointer(
      start: replies + (places[index &+ 1].replies &- byteCount), count: byteCount)
  }

  /// How much messages that lie behind each other say.
  @inline(__always)
  func payloadByteCount(from index: Int, count: Int) -> Int {
    places[index &+ count].payloads &- places[index].payloads
  }

  /// The index behind that of messages that lie behind each other.
  @inline(__always)
  func index(behind index: Int, _ length: Int) -> Int {
    let next = index &+ length
    return next == count ? 0 : next
  }
}
