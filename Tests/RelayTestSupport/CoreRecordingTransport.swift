// The sockets of a tested shard: they take what the test lets them take, fail when it says so, and
// note all that is done to them, what must never be done among it.

import RelayCore

/// One socket as its shard's side sees it.
package final class RecordedSocket {
  package let descriptor: Int32
  /// How many more bytes it takes before it is full.
  package var room = Int.max
  /// At most so many are taken in one call; asked at each call.
  package var largestSend: () -> Int = { .max }
  /// The error number of the next send calls; 0: none.
  package var sendError: Int32 = 0
  /// All it took.
  package var sent: [UInt8] = []
  package fileprivate(set) var sendCallCount = 0
  package fileprivate(set) var isReading = false
  package fileprivate(set) var isWriting = false
  /// It is served behind those who are let in.
  package fileprivate(set) var isNewcomer = false
  package fileprivate(set) var hasEndedSending = false
  package fileprivate(set) var isClosed = false
  package fileprivate(set) var isReset = false
  package fileprivate(set) var session: UnsafeMutableRawPointer?

  fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }
}

/// A batch that a shard gave to the others.
package struct RecordedBatch {
  package var channel: String
  package var bytes: [UInt8]
  package var messageCount: Int
  package var payloadByteCount: Int
  /// The compressed form, if the shard gave one.
  package var deflated: (bytes: [UInt8], payloadByteCount: Int)?

  package init(channel: String, bytes: [UInt8], messageCount: Int, payloadByteCount: Int) {
    self.channel = channel
    self.bytes = bytes
    self.messageCount = messageCount
    self.payloadByteCount = payloadByteCount
  }

  init(channel: String, _ batch: ChannelBatch) {
    self.channel = channel
    bytes = Array(UnsafeRawBufferPointer(start: batch.bytes, count: batch.byteCount))
    messageCount = batch.messageCount
    payloadByteCount = batch.payloadByteCount
    deflated = batch.deflated.map {
      (Array(UnsafeRawBufferPointer(start: $0.bytes, count: $0.byteCount)), $0.payloadByteCount)
    }
  }

  /// The same in other memory, as another worker gets it.
  package func withBatch(_ body: (ChannelBatch) -> Void) {
    bytes.withUnsafeBytes { plain in
      (deflated?.bytes ?? []).withUnsafeBytes { other in
        let form = deflated.map {
          ChannelBatch.Deflated(
            bytes: other.baseAddress!, byteCount: other.count,
            payloadByteCount: $0.payloadByteCount)
        }
        body(
          ChannelBatch(
            bytes: plain.baseAddress!, byteCount: plain.count, messageCount: messageCount,
            payloadByteCount: payloadByteCount, deflated: form))
      }
    }
  }
}

/// What a shard did.
package final class Recording {
  package private(set) var sockets: [Int32: RecordedSocket] = [:]
  package var closed: [ClosedConnection] = []
  package var refused: [RefusedHandshake] = []
  package var opened: [OpenedConnection] = []
  package var batches: [RecordedBatch] = []
  /// What no shard may do: use a socket that is closed or unknown, close one twice.
  package fileprivate(set) var misuses: [String] = []
  /// The error numbers of the next calls of `add`.
  package var addErrors: [Int32] = []
  /// Sockets that no other shard can go on with.
  package var unmovable: Set<Int32> = []
  /// Another shard has the sockets: that this one closes its descriptors ends no connection.
  package var isHandedOver = false

  package init() {}

  package func noteMisuse(_ what: String) { misuses.append(what) }

  package func makeSocket(_ descriptor: Int32) -> RecordedSocket {
    let socket = RecordedSocket(descriptor)
    sockets[descriptor] = socket
    return socket
  }

  fileprivate func socket(_ descriptor: Int32, for call: String) -> RecordedSocket? {
    guard let socket = sockets[descriptor] else {
      misuses.append("\(call) on unknown socket \(descriptor)")
      return nil
    }
    if socket.isClosed { misuses.append("\(call) on closed socket \(descriptor)") }
    return socket
  }
}

/// The transport that carries a shard's requests to its recording.
package struct RecordingTransport: Transport {
  package let recording: Recording

  package init(_ recording: Recording) { self.recording = recording }

  /// The socket, and how many bytes a call may take; negative: the error.
  private func allowance(_ count: Int, on descriptor: Int32) -> (RecordedSocket?, Int) {
    guard let socket = recording.socket(descriptor, for: "send"), !socket.isClosed else {
      return (nil, -9)
    }
    socket.sendCallCount += 1
    if socket.hasEndedSending { recording.misuses.append("send after end on \(descriptor)") }
    if socket.sendError != 0 { return (nil, -Int(socket.sendError)) }
    let taken = max(0, min(count, socket.room, socket.largestSend()))
    if socket.room != .max { socket.room -= taken }
    return (socket, taken)
  }

  package func send(_ bytes: UnsafeRawPointer, _ count: Int, on descriptor: Int32) -> Int {
    if count <= 0 { recording.misuses.append("send of \(count) bytes") }
    let (socket, taken) = allowance(count, on: descriptor)
    if taken > 0 { socket?.sent += UnsafeRawBufferPointer(start: bytes, count: taken) }
    return taken
  }

  package func send(_ pieces: UnsafeBufferPointer<OutboundPiece>, on descriptor: Int32) -> Int {
    let count = pieces.reduce(0) { $0 + $1.count }
    if pieces.contains(where: { $0.count <= 0 }) || pieces.isEmpty {
      recording.misuses.append("an empty piece")
    }
    let (socket, taken) = allowance(count, on: descriptor)
    var left = taken
    for piece in pieces where left > 0 {
      let part = min(left, piece.count)
      socket?.sent += UnsafeRawBufferPointer(start: piece.base, count: part)
      left -= part
    }
    return taken
  }

  package func add(
    _ descriptor: Int32, reading: Bool, writing: Bool, session: UnsafeMutableRawPointer,
    isNewcomer: Bool
  ) -> Int32 {
    guard let socket = recording.socket(descriptor, for: "add") else { return 9 }
    if !recording.addErrors.isEmpty {
      let error = recording.addErrors.removeFirst()
      if error != 0 { return error }
    }
    if socket.session == session { recording.misuses.append("a second add of \(descriptor)") }
    socket.session = session
    socket.isReading = reading
    socket.isWriting = writing
    socket.isNewcomer = isNewcomer
    return 0
  }

  package func letIn(_ descriptor: Int32, session: UnsafeMutableRawPointer) {
    guard let socket = recording.socket(descriptor, for: "letIn") else { return }
    if !socket.isNewcomer || socket.session != session {
      recording.misuses.append("letIn of \(descriptor), which is in")
    }
    socket.isNewcomer = false
  }

  package func canMove(_ descriptor: Int32) -> Bool { !recording.unmovable.contains(descriptor) }

  package func watch(
    _ descriptor: Int32, reading: Bool, writing: Bool, session: UnsafeMutableRawPointer
  ) {
    guard let socket = recording.socket(descriptor, for: "watch") else { return }
    if socket.session != session { recording.misuses.append("watch for another session") }
    socket.isReading = reading
    socket.isWriting = writing
  }

  package func endSending(_ descriptor: Int32) {
    guard let socket = recording.socket(descriptor, for: "endSending") else { return }
    if socket.hasEndedSending { recording.misuses.append("a second end on \(descriptor)") }
    socket.hasEndedSending = true
  }

  package func close(_ descriptor: Int32, reset: Bool) {
    guard let socket = recording.socket(descriptor, for: "close") else { return }
    if recording.isHandedOver && canMove(descriptor) {
      socket.session = nil
      return
    }
    socket.isClosed = true
    socket.isReset = reset
    socket.isReading = false
    socket.isWriting = false
  }

  package func info(_ descriptor: Int32) -> TransportInfo? {
    _ = recording.socket(descriptor, for: "info")
    return TransportInfo(retransmitCount: 7, roundTrip: 1500)
  }

  package func publish(_ batch: ChannelBatch, on channel: String) {
    recording.batches.append(RecordedBatch(channel: channel, batch))
  }

  package func record(_ event: ConnectionEvent) {
    switch event {
    case .opened(let connection): recording.opened.append(connection)
    case .closed(let connection): recording.closed.append(connection)
    case .refused(let handshake): recording.refused.append(handshake)
    }
  }
}
