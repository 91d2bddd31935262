// The one seam to the machine: what a shard asks of whoever holds the sockets. The engine answers
// with system calls, the simulation with seeded faults.

import WebSocketProtocol

/// A range of bytes to send; laid out as the kernel's `iovec`.
public struct OutboundPiece {
  /// The first byte to send; borrowed, so good for the one call it is passed to.
  public var base: UnsafeRawPointer
  /// How many bytes from `base` on.
  public var count: Int

  /// `count` bytes from `base` on, which stay the caller's.
  public init(_ base: UnsafeRawPointer, count: Int) {
    self.base = base
    self.count = count
  }
}

/// Kernel evidence on a TCP connection.
public struct TransportInfo: Sendable, Equatable {
  /// Segments sent again since the connection began (`tcpi_total_retrans`).
  public var retransmitCount: UInt32
  /// The kernel's smoothed round trip in microseconds (`tcpi_rtt`).
  public var roundTrip: UInt32

  /// The two figures as the kernel gives them in `TCP_INFO`.
  public init(retransmitCount: UInt32, roundTrip: UInt32) {
    self.retransmitCount = retransmitCount
    self.roundTrip = roundTrip
  }
}

/// One batch of messages on one channel, as frames.
public struct ChannelBatch {
  /// Whole unmasked frames, one behind the other; borrowed for the call.
  public var bytes: UnsafeRawPointer
  /// Bytes of the whole batch, frame headers included.
  public var byteCount: Int
  /// Data messages in the batch, each in one frame.
  public var messageCount: Int
  /// Bytes of all payloads, without frame headers.
  public var payloadByteCount: Int
  /// The same messages, compressed without a context, for members that agreed on that; nil: whoever
  /// needs them compresses them.
  public var deflated: Deflated?

  /// The other form of a batch.
  public struct Deflated {
    /// Whole unmasked frames, compressed or not; borrowed for the call.
    public var bytes: UnsafeRawPointer
    /// Bytes of the whole batch in this form, frame headers included.
    public var byteCount: Int
    /// Bytes of all payloads in this form.
    public var payloadByteCount: Int

    /// A form whose counts the caller knows already.
    public init(bytes: UnsafeRawPointer, byteCount: Int, payloadByteCount: Int) {
      self.bytes = bytes
      self.byteCount = byteCount
      self.payloadByteCount = payloadByteCount
    }
  }

  /// A batch whose counts the caller knows already; nothing is read from `bytes`.
  public init(
    bytes: UnsafeRawPointer, byteCount: Int, messageCount: Int, payloadByteCount: Int,
    deflated: Deflated? = nil
  ) {
    self.bytes = bytes
    self.byteCount = byteCount
    self.messageCount = messageCount
    self.payloadByteCount = payloadByteCount
    self.deflated = deflated
  }
}

/// How a shard acts on the world. Sockets are named by descriptor, sessions by their address.
public protocol Transport: ~Copyable {
  /// Sends bytes; returns how many the socket took, 0 if it is full, or the negative error number.
  mutating func send(_ bytes: UnsafeRawPointer, _ count: Int, on socket: Int32) -> Int
  /// Sends pieces in order, as one; returns as `send` does.
  mutating func send(_ pieces: UnsafeBufferPointer<OutboundPiece>, on socket: Int32) -> Int
  /// Sends bytes as `send` does; if it takes all of them, `endSending` is called next.
  mutating func sendLast(_ bytes: UnsafeRawPointer, _ count: Int, on socket: Int32) -> Int
  /// Reports a socket's readiness for the session from now on. A newcomer's comes behind that of
  /// those who are let in. Returns 0 or the error number.
  mutating func add(
    _ socket: Int32, reading: Bool, writing: Bool, session: UnsafeMutableRawPointer,
    isNewcomer: Bool
  ) -> Int32
  /// A newcomer that was added is let in.
  mutating func letIn(_ socket: Int32, session: UnsafeMutableRawPointer)
  /// Whether another process can go on with the connection: nothing but its descriptor is needed.
  func canMove(_ socket: Int32) -> Bool
  /// Changes what readiness is reported.
  mutating func watch(
    _ socket: Int32, reading: Bool, writing: Bool, session: UnsafeMutableRawPointer)
  /// Ends our direction of the connection: FIN after all that was sent.
  mutating func endSending(_ socket: Int32)
  /// Closes the socket; `reset` discards what the kernel still holds and sends RST.
  mutating func close(_ socket: Int32, reset: Bool)
  /// What the kernel knows of the connection; nil where it is not TCP.
  mutating func info(_ socket: Int32) -> TransportInfo?
  /// Hands a batch to the other shards that may have members of the channel.
  mutating func publish(_ batch: ChannelBatch, on channel: String)
  /// Takes note of what happened to a connection.
  mutating func record(_ event: ConnectionEvent)
}

extension Transport where Self: ~Copyable {
  /// A plain socket can always be handed over.
  public func canMove(_ socket: Int32) -> Bool { true }

  /// That nothing follows helps only where it saves a packet.
  public mutating func sendLast(
    _ bytes: UnsafeRawPointer, _ count: Int, on socket: Int32
  ) -> Int { send(bytes, count, on: socket) }

  /// Newcomers may also be served like all others.
  public func letIn(_ socket: Int32, session: UnsafeMutableRawPointer) {}
}
