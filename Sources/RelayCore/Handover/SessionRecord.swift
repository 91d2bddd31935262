// One session as a value that outlives its process: what `Shard+Handover` fills from a session and
// makes a session of again. Times are ages, so that what nobody could serve meanwhile counts as no
// time. The numbers of fields are the format: one that was released is never used for anything
// else.

import WebSocketProtocol

/// The state of one session.
package struct SessionRecord: Equatable, Sendable {
  // Who.
  var connectionID: UInt64 = 0
  var peer = PeerAddress.unix
  var via: PeerAddress?
  var path = ""
  var origin = ""
  var userAgent = ""
  var subprotocol = ""
  var restartCount: UInt16 = 0
  /// The place among the header's names.
  var listener: UInt16 = 0
  /// The pattern; empty before the handshake is done. Not a place in some list: what a shard keeps
  /// of removed routes is its own.
  var route = ""
  /// The mode of that route.
  var isBroadcast = false

  // How far.
  var phase = Session.Phase.handshake
  var isCountedByPeer = false
  var awaitsProxyHeader = false
  var isRefused = false
  var endsSending = false
  /// The request so far, while it is incomplete.
  var request: [UInt8] = []
  var connection = ConnectionSnapshot()
  /// Bytes no socket took yet; the first `begunByteCount` of them are the rest of a frame.
  var unsent: [UInt8] = []
  var begunByteCount = 0
  var compression: UInt8 = 0
  var contexts: CompressionContexts.Snapshot?

  // How long, in microseconds.
  var age: UInt64 = 0
  var dataAge: UInt64 = 0
  var receivedAge: UInt64 = 0
  /// One more than the age, as 0 stands for nothing owed.
  var owedAge: UInt64 = 0
  /// By how much the clock of the rate is ahead.
  var rateAdvance: UInt64 = 0
  var pingRoundTrip: UInt32 = 0

  // How much.
  var receivedMessageCount: UInt64 = 0
  var receivedByteCount: UInt64 = 0
  var sentMessageCount: UInt64 = 0
  var sentByteCount: UInt64 = 0
  var droppedMessageCount: UInt32 = 0

  // Why it ends.
  var cause: CloseCause?
  var causePhase = Session.Phase.handshake
  var notes = ClosingNotes()

  init() {}

  /// Ages above this, 35 years, are none.
  static let maximumAge: UInt64 = 1 << 50

  fileprivate enum Field {
    static let connectionID: UInt8 = 1
    static let peer: UInt8 = 2
    static let via: UInt8 = 3
    static let path: UInt8 = 4
    static let origin: UInt8 = 5
    static let userAgent: UInt8 = 6
    static let subprotocol: UInt8 = 7
    static let restartCount: UInt8 = 8
    static let route: UInt8 = 9
    static let listener: UInt8 = 10
    static let isBroadcast: UInt8 = 11
    static let phase: UInt8 = 12
    static let isCountedByPeer: UInt8 = 13
    static let awaitsProxyHeader: UInt8 = 14
    static let isRefused: UInt8 = 15
    static let endsSending: UInt8 = 16
    static let request: UInt8 = 17
    static let unsent: UInt8 = 18
    static let begunByteCount: UInt8 = 19
    static let age: UInt8 = 20
    static let dataAge: UInt8 = 21
    static let receivedAge: UInt8 = 22
    static let owedAge: UInt8 = 23
    static let rateAdvance: UInt8 = 24
    static let pingRoundTrip: UInt8 = 25
    static let receivedMessageCount: UInt8 = 26
    static let receivedByteCount: UInt8 = 27
    static let sentMessageCount: UInt8 = 28
    static let sentByteCount: UInt8 = 29
    static let droppedMessageCount: UInt8 = 30
    static let cause: UInt8 = 31
    static let causePhase: UInt8 = 32
    static let detail: UInt8 = 33
    static let reasonSent: UInt8 = 34
    static let reasonReceived: UInt8 = 35
    static let unsentByteCount: UInt8 = 36
    static let reading: UInt8 = 40
    static let messageFirstByte: UInt8 = 41
    static let isFinalFrame: UInt8 = 42
    static let allowedReservedBits: UInt8 = 43
    static let maskingKey: UInt8 = 44
    static let remainingByteCount: UInt8 = 45
    static let textState: UInt8 = 46
    static let message: UInt8 = 47
    static let partialFrame: UInt8 = 48
    static let sentCode: UInt8 = 49
    static let receivedCode: UInt8 = 50
    static let sentCloseFirst: UInt8 = 51
    static let compression: UInt8 = 60
    static let clientWindowBits: UInt8 = 61
    static let serverWindowBits: UInt8 = 62
    static let clientResets: UInt8 = 63
    static let serverResets: UInt8 = 64
    static let clientWindow: UInt8 = 65
    static let serverWindow: UInt8 = 66
  }
}

// MARK: - Writing

extension SessionRecord {
  /// The record as it is written.
  func encoded() -> [UInt8] {
    var fields = HandoverEncoder()
    putIdentity(&fields)
    putProgress(&fields)
    putFigures(&fields)
    putEnd(&fields)
    putConnection(&fields)
    putCompression(&fields)
    return fields.bytes
  }

  private func putIdentity(_ fields: inout HandoverEncoder) {
    fields.put(Field.connectionID, connectionID)
    fields.put(Field.peer, peer.handoverBytes)
    if let via { fields.putAlways(Field.via, via.handoverBytes) }
    fields.put(Field.path, path)
    fields.put(Field.origin, origin)
    fields.put(Field.userAgent, userAgent)
    fields.put(Field.subprotocol, subprotocol)
    fields.put(Field.restartCount, restartCount)
    fields.put(Field.route, route)
    fields.put(Field.listener, listener)
    fields.put(Field.isBroadcast, isBroadcast)
  }

  private func putProgress(_ fields: inout HandoverEncoder) {
    fields.put(Field.phase, phase.rawValue)
    fields.put(Field.isCountedByPeer, isCountedByPeer)
    fields.put(Field.awaitsProxyHeader, awaitsProxyHeader)
    fields.put(Field.isRefused, isRefused)
    fields.put(Field.endsSending, endsSending)
    fields.put(Field.request, request)
    fields.put(Field.unsent, unsent)
    fields.put(Field.begunByteCount, UInt64(begunByteCount))
  }

  private func putFigures(_ fields: inout HandoverEncoder) {
    fields.put(Field.age, age)
    fields.put(Field.dataAge, dataAge)
    fields.put(Field.receivedAge, receivedAge)
    fields.put(Field.owedAge, owedAge)
    fields.put(Field.rateAdvance, rateAdvance)
    fields.put(Field.pingRoundTrip, pingRoundTrip)
    fields.put(Field.receivedMessageCount, receivedMessageCount)
    fields.put(Field.receivedByteCount, receivedByteCount)
    fields.put(Field.sentMessageCount, sentMessageCount)
    fields.put(Field.sentByteCount, sentByteCount)
    fields.put(Field.droppedMessageCount, droppedMessageCount)
  }

  private func putEnd(_ fields: inout HandoverEncoder) {
    guard let cause else { return }
    fields.put(Field.cause, cause.slug)
    fields.put(Field.causePhase, causePhase.rawValue)
    fields.put(Field.detail, notes.detail)
    fields.put(Field.reasonSent, notes.reasonSent)
    fields.put(Field.reasonReceived, notes.reasonReceived)
    fields.put(Field.unsentByteCount, UInt64(max(0, notes.unsentByteCount)))
  }

  private func putConnection(_ fields: inout HandoverEncoder) {
    fields.put(Field.reading, connection.reading)
    fields.put(Field.messageFirstByte, connection.messageFirstByte)
    fields.put(Field.isFinalFrame, connection.isFinalFrame)
    fields.put(Field.allowedReservedBits, connection.allowedReservedBits)
    fields.put(Field.maskingKey, connection.maskingKey)
    fields.put(Field.remainingByteCount, UInt64(max(0, connection.remainingByteCount)))
    fields.put(Field.textState, connection.textState)
    fields.put(Field.message, connection.message)
    fields.put(Field.partialFrame, connection.partialFrame)
    fields.put(Field.sentCode, connection.sentCode)
    fields.put(Field.receivedCode, connection.receivedCode)
    fields.put(Field.sentCloseFirst, connection.sentCloseFirst)
  }

  private func putCompression(_ fields: inout HandoverEncoder) {
    fields.put(Field.compression, compression)
    guard let contexts else { return }
    fields.put(Field.clientWindowBits, contexts.clientWindowBits)
    fields.put(Field.serverWindowBits, contexts.serverWindowBits)
    fields.put(Field.clientResets, contexts.clientResets)
    fields.put(Field.serverResets, contexts.serverResets)
    fields.put(Field.clientWindow, contexts.clientWindow)
    fields.put(Field.serverWindow, contexts.serverWindow)
  }
}

// MARK: - Reading

extension SessionRecord {
  /// Reads a record; what its fields say together is for whoever makes a session of it to judge.
  init(reading bytes: UnsafeRawBufferPointer) throws(HandoverFault) {
    self.init()
    var decoder = HandoverDecoder(bytes)
    while let field = try decoder.next() {
      switch field.number {
      case Field.connectionID...Field.isBroadcast: try takeIdentity(field)
      case Field.phase...Field.begunByteCount: try takeProgress(field)
      case Field.age...Field.droppedMessageCount: try takeFigure(field)
      case Field.cause...Field.unsentByteCount: try takeEnd(field)
      case Field.reading...Field.sentCloseFirst: try takeConnection(field)
      case Field.compression...Field.serverWindow: try takeCompression(field)
      default: break
      }
    }
  }

  private mutating func takeIdentity(_ field: HandoverDecoder.Field) throws(HandoverFault) {
    switch field.number {
    case Field.connectionID: connectionID = try field.integer()
    case Field.peer: peer = try PeerAddress(handover: field)
    case Field.via: via = try PeerAddress(handover: field)
    case Field.path: path = try field.text()
    case Field.origin: origin = try field.text()
    case Field.userAgent: userAgent = try field.text()
    case Field.subprotocol: subprotocol = try field.text()
    case Field.restartCount: restartCount = try field.integer()
    case Field.route: route = try field.text()
    case Field.listener: listener = try field.integer()
    default: isBroadcast = try field.flag()
    }
  }

  private mutating func takeProgress(_ field: HandoverDecoder.Field) throws(HandoverFault) {
    switch field.number {
    case Field.phase: phase = try field.phase()
    case Field.isCountedByPeer: isCountedByPeer = try field.flag()
    case Field.awaitsProxyHeader: awaitsProxyHeader = try field.flag()
    case Field.isRefused: isRefused = try field.flag()
    case Field.endsSending: endsSending = try field.flag()
    case Field.request: request = try field.array()
    case Field.unsent: unsent = try field.array()
    default: begunByteCount = try field.integer()
    }
  }

  private mutating func takeFigure(_ field: HandoverDecoder.Field) throws(HandoverFault) {
    switch field.number {
    case Field.age: age = try field.age()
    case Field.dataAge: dataAge = try field.age()
    case Field.receivedAge: receivedAge = try field.age()
    case Field.owedAge: owedAge = try field.age()
    case Field.rateAdvance: rateAdvance = try field.age()
    case Field.pingRoundTrip: pingRoundTrip = try field.integer()
    case Field.receivedMessageCount: receivedMessageCount = try field.integer()
    case Field.receivedByteCount: receivedByteCount = try field.integer()
    case Field.sentMessageCount: sentMessageCount = try field.integer()
    case Field.sentByteCount: sentByteCount = try field.integer()
    default: droppedMessageCount = try field.integer()
    }
  }

  private mutating func takeEnd(_ field: HandoverDecoder.Field) throws(HandoverFault) {
    switch field.number {
    case Field.cause:
      // A cause that only a newer program knows is the least wrong as a fault without a name.
      cause = CloseCause(rawValue: try field.text()) ?? .internalError
    case Field.causePhase: causePhase = try field.phase()
    case Field.detail: notes.detail = try field.text()
    case Field.reasonSent: notes.reasonSent = try field.text()
    case Field.reasonReceived: notes.reasonReceived = try field.text()
    default: notes.unsentByteCount = try field.integer()
    }
  }

  private mutating func takeConnection(_ field: HandoverDecoder.Field) throws(HandoverFault) {
    switch field.number {
    case Field.reading: connection.reading = try field.integer()
    case Field.messageFirstByte: connection.messageFirstByte = try field.integer()
    case Field.isFinalFrame: connection.isFinalFrame = try field.flag()
    case Field.allowedReservedBits: connection.allowedReservedBits = try field.integer()
    case Field.maskingKey: connection.maskingKey = try field.integer()
    case Field.remainingByteCount: connection.remainingByteCount = try field.integer()
    case Field.textState: connection.textState = try field.integer()
    case Field.message: connection.message = try field.array()
    case Field.partialFrame: connection.partialFrame = try field.array()
    case Field.sentCode: connection.sentCode = try field.integer()
    case Field.receivedCode: connection.receivedCode = try field.integer()
    default: connection.sentCloseFirst = try field.flag()
    }
  }

  private mutating func takeCompression(_ field: HandoverDecoder.Field) throws(HandoverFault) {
    if field.number == Field.compression {
      compression = try field.integer()
      return
    }
    var snapshot = contexts ?? CompressionContexts.Snapshot()
    switch field.number {
    case Field.clientWindowBits: snapshot.clientWindowBits = try field.integer()
    case Field.serverWindowBits: snapshot.serverWindowBits = try field.integer()
    case Field.clientResets: snapshot.clientResets = try field.flag()
    case Field.serverResets: snapshot.serverResets = try field.flag()
    case Field.clientWindow: snapshot.clientWindow = try field.array()
    default: snapshot.serverWindow = try field.array()
    }
    contexts = snapshot
  }
}

extension HandoverDecoder.Field {
  fileprivate func age() throws(HandoverFault) -> UInt64 {
    let age: UInt64 = try integer()
    guard age <= SessionRecord.maximumAge else { throw .field(number) }
    return age
  }

  fileprivate func phase() throws(HandoverFault) -> Session.Phase {
    guard let phase = Session.Phase(rawValue: try integer()), phase != .dead else {
      throw .field(number)
    }
    return phase
  }
}

extension PeerAddress {
  /// Family, port and address; nothing for a Unix socket.
  fileprivate var handoverBytes: [UInt8] {
    if family == .unix { return [] }
    let address = (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * UInt64($0))) }
    let rest = (0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * UInt64($0))) }
    return [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)]
      + (family == .ipv4 ? Array(address[..<4]) : address + rest)
  }

  fileprivate init(handover field: HandoverDecoder.Field) throws(HandoverFault) {
    let bytes = try field.array()
    if bytes.isEmpty {
      self = .unix
      return
    }
    guard bytes.count > 2,
      let address = PeerAddress(
        bytes: Array(bytes[2...]), port: UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
    else { throw .field(field.number) }
    self = address
  }
}
