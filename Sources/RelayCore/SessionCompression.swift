// What a session agreed on for permessage-deflate (RFC 7692), as the data path reads it, and the
// contexts of those that keep one.

import WebSocketProtocol

/// How the messages of one session are compressed, in one byte.
struct SessionCompression: Equatable, Sendable {
  /// What a hand-over writes down.
  let code: UInt8

  private init(_ code: UInt8) { self.code = code }

  /// As a hand-over wrote it; nil: nothing is negotiated so.
  init?(handedOver code: UInt8) {
    let windowBits = Deflater.minimumWindowBits...DeflateParameters.maximumWindowBits
    guard code == 0 || code == 0xFF || windowBits.contains(Int(code)) else { return nil }
    self.code = code
  }

  /// Nothing was negotiated.
  static let none = SessionCompression(0)
  /// Both ends keep a context between messages.
  static let context = SessionCompression(0xFF)

  /// Every message stands by itself; the peer's window holds 2^`windowBits` bytes.
  static func withoutContext(windowBits: Int) -> SessionCompression {
    SessionCompression(UInt8(clamping: windowBits))
  }

  /// Whether contexts belong to the session.
  var keepsContext: Bool { self == .context }

  /// Whether the peer understands any message that was compressed without a context.
  var takesAnyWithoutContext: Bool {
    code == UInt8(DeflateParameters.maximumWindowBits)
  }

  /// Whether the peer understands a message compressed without a context that has so many bytes
  /// uncompressed: nothing in it lies farther back than the message is long.
  func takesWithoutContext(messageByteCount: Int) -> Bool {
    if code == 0 || keepsContext { return false }
    return takesAnyWithoutContext || messageByteCount <= 1 << Int(code)
  }
}

/// The two streams of a session that keeps contexts.
struct CompressionContexts {
  let inflater: Inflater
  let deflater: Deflater
  /// The client begins each of its messages afresh all the same.
  let clientResets: Bool
  /// So do we, because the client asked for it.
  let serverResets: Bool
  private let clientWindowBits: Int
  private let serverWindowBits: Int

  /// The largest window the relay uses for messages it sends: with `memoryLevel` 5 a stream takes
  /// 32 KiB instead of the 256 KiB of zlib's defaults, and text of a few KiB shrinks as well.
  static let maximumWindowBits = 12
  private static let memoryLevel = 5
  /// Memory of both streams at most, in bytes.
  static let maximumByteCount =
    Inflater.byteCount(windowBits: DeflateParameters.maximumWindowBits)
    + Deflater.byteCount(windowBits: maximumWindowBits, memoryLevel: memoryLevel)

  /// nil: no memory.
  init?(_ agreed: DeflateParameters) {
    self.init(
      clientWindowBits: agreed.clientMaximumWindowBits,
      serverWindowBits: agreed.serverMaximumWindowBits,
      clientResets: agreed.clientNoContextTakeover,
      serverResets: agreed.serverNoContextTakeover)
  }

  private init?(
    clientWindowBits: Int, serverWindowBits: Int, clientResets: Bool, serverResets: Bool
  ) {
    guard let inflater = Inflater(windowBits: clientWindowBits) else { return nil }
    guard let deflater = Deflater(windowBits: serverWindowBits, memoryLevel: Self.memoryLevel)
    else {
      inflater.release()
      return nil
    }
    self.inflater = inflater
    self.deflater = deflater
    self.clientResets = clientResets
    self.serverResets = serverResets
    self.clientWindowBits = clientWindowBits
    self.serverWindowBits = serverWindowBits
  }

  /// Frees both streams.
  func release() {
    inflater.release()
    deflater.release()
  }
}

// MARK: - Hand-over

extension CompressionContexts {
  /// What was agreed on, and what the next messages of either end may refer to.
  struct Snapshot: Equatable, Sendable {
    var clientWindowBits: UInt8 = 0
    var serverWindowBits: UInt8 = 0
    var clientResets = false
    var serverResets = false
    var clientWindow: [UInt8] = []
    var serverWindow: [UInt8] = []
  }

  /// The contexts between two messages.
  var snapshot: Snapshot {
    Snapshot(
      clientWindowBits: UInt8(clamping: clientWindowBits),
      serverWindowBits: UInt8(clamping: serverWindowBits), clientResets: clientResets,
      serverResets: serverResets, clientWindow: clientResets ? [] : inflater.window,
      serverWindow: serverResets ? [] : deflater.window)
  }

  /// Contexts that go on from there; nil: none are like that, or there is no memory.
  init?(_ snapshot: Snapshot) {
    let (client, server) = (Int(snapshot.clientWindowBits), Int(snapshot.serverWindowBits))
    let largest = DeflateParameters.maximumWindowBits
    guard (Inflater.minimumWindowBits...largest).contains(client),
      (Deflater.minimumWindowBits...largest).contains(server)
    else { return nil }
    self.init(
      clientWindowBits: client, serverWindowBits: server, clientResets: snapshot.clientResets,
      serverResets: snapshot.serverResets)
    guard snapshot.clientWindow.count <= 1 << client, snapshot.serverWindow.count <= 1 << server,
      inflater.takeUp(window: snapshot.clientWindow),
      deflater.takeUp(window: snapshot.serverWindow)
    else {
      release()
      return nil
    }
  }
}
