// The messages of a run as they are sent and as they must come back: frames with their masks on,
// one behind the other, so that a batch of them is one send from where they lie.

import WebSocketProtocol

/// Messages of one thread, laid out once.
struct MessagePool: ~Copyable {
  /// How many there are.
  let count: Int
  /// FIN and the opcode of every message, without compression.
  let firstByte: UInt8
  private let frames: UnsafeMutableRawPointer
  /// Where each frame begins, and the last one ends.
  private let frameOffsets: UnsafeMutablePointer<Int>
  private let payloads: UnsafeMutableRawPointer
  private let payloadOffsets: UnsafeMutablePointer<Int>

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
    let first = compresses ? firstByte | FrameHeader.compressedBit : firstByte
    (payloads, payloadOffsets) = Self.layOut(messages) { payload, destination in
      destination.copyMemory(from: payload.baseAddress!, byteCount: payload.count)
      return payload.count
    }
    (frames, frameOffsets) = Self.layOut(sent) { payload, destination in
      // RFC 6455 §5.3 wants keys that the peer cannot foresee; that one comes again is the price of
      // not masking while measuring.
      let key = UInt32.random(in: 0...UInt32.max)
      let header = FrameHeader.writeClient(
        first, payloadByteCount: payload.count, maskingKey: key, to: destination)
      _ = Masking.apply(
        key, from: payload.baseAddress!, count: payload.count, to: destination + header)
      return header + payload.count
    }
  }

  /// Writes messages one behind the other, and where each begins.
  private static func layOut(
    _ messages: [[UInt8]],
    _ write: (UnsafeRawBufferPointer, UnsafeMutableRawPointer) -> Int
  ) -> (UnsafeMutableRawPointer, UnsafeMutablePointer<Int>) {
    let byteCount = messages.reduce(0) { $0 + $1.count + FrameHeader.maximumByteCount }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    let offsets = UnsafeMutablePointer<Int>.allocate(capacity: messages.count + 1)
    offsets[0] = 0
    for (index, message) in messages.enumerated() {
      // An empty message has no address of its own; any will do.
      let length = message.withUnsafeBytes {
        write(
          $0.baseAddress == nil ? UnsafeRawBufferPointer(start: memory, count: 0) : $0,
          memory + offsets[index])
      }
      offsets[index + 1] = offsets[index] + length
    }
    return (memory, offsets)
  }

  deinit {
    frames.deallocate()
    frameOffsets.deallocate()
    payloads.deallocate()
    payloadOffsets.deallocate()
  }

  /// Frames that lie behind each other, at most `limit` of them, from the one at `index` on.
  @inline(__always)
  func frames(from index: Int, limit: Int) -> (bytes: UnsafeRawBufferPointer, count: Int) {
    let end = min(index &+ limit, count)
    let start = frameOffsets[index]
    return (
      UnsafeRawBufferPointer(start: frames + start, count: frameOffsets[end] &- start),
      end &- index
    )
  }

  /// What a message says.
  @inline(__always)
  func payload(_ index: Int) -> UnsafeRawBufferPointer {
    let start = payloadOffsets[index]
    return UnsafeRawBufferPointer(
      start: payloads + start, count: payloadOffsets[index &+ 1] &- start)
  }
}
