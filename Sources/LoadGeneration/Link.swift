// One connection of the load: a plain value behind a pointer, whose address is its tag in epoll.

import RelayEngine
import WebSocketProtocol

/// The client's end of one connection.
struct Link {
  enum Phase: UInt8 {
    case unopened, connecting, securing, handshake, open, closing, ended
  }

  var connection = ClientConnection()
  var socket: Int32 = -1
  var phase = Phase.unopened
  /// Whether epoll reports room to send.
  var watchesRoom = false
  /// Whether it is among those to be flushed at the end of the turn.
  var isReady = false

  /// TLS, where the server is reached through it.
  var secure: UnsafeMutablePointer<SecureSocket>?

  /// What the socket has not taken yet of what was given to it; the bytes are somebody's who keeps
  /// them until then.
  var unsent = UnsafeRawBufferPointer(start: nil, count: 0)

  // Of the scenario: which of its messages have been sent and answered, and how many may follow.
  var sentCount = 0
  var answeredCount = 0
  var credit = 0
  /// Which of the run's messages comes next, there and back.
  var sentIndex = 0
  var answeredIndex = 0
  /// How many bytes of the next reply were taken, all of them as expected.
  var takenByteCount = 0

  // Rarely touched.
  /// Its number in the run, for texts.
  var number = 0
  /// Its place among those of its thread.
  var slot = 0
  /// The Close and Pong frames that wait to be sent.
  var control: BlockPointer?
  /// The head of the server's answer while it comes.
  var head: BlockPointer?
  /// When it was begun, in nanoseconds.
  var beginning: UInt64 = 0
  /// Where the server keeps a context for compression.
  var inflater: Inflater?
}

typealias LinkPointer = UnsafeMutablePointer<Link>
