// What the other side most likely made of the end: the line that settles "my browser says 1006,
// your log says 1001". The rules are those of RFC 6455 §7.1.4 to §7.1.6 and of the WHATWG's
// CloseEvent: an endpoint shows the code of the Close frame it *received*, whoever sent one first;
// 1005 for a Close frame without a code; 1006 where none arrived. `wasClean` is true once both
// frames went over the wire and TCP ended after them.

import RelayCore
import WebSocketProtocol

extension ClosedConnection {
  /// The code and `wasClean` of a browser's CloseEvent, most likely: `1001 wasClean=true`.
  var peerSaw: String {
    guard let codeSent, closeReachedPeer else { return "1006 wasClean=false" }
    return "\(codeSent.rawValue) wasClean=true"
  }

  /// Whether the relay's Close frame most likely arrived and was taken for what it is.
  private var closeReachedPeer: Bool {
    // A Close frame waits behind everything else: what is unsent includes it.
    guard unsentByteCount == 0 else { return false }
    switch order {
    case .none: return false
    case .receivedFirst:
      // Scripts cannot send these codes. A browser that does has failed the connection itself
      // (RFC 6455 §7.1.7) and shows 1006 whatever it is answered.
      if cause == .peerCloseError { return false }
      // Our answer met an error: the peer was gone before it.
      return errno == 0
    case .sentFirst:
      // A browser answers a Close frame at once: an answer proves arrival.
      if codeReceived != nil { return true }
      // Without an answer the frame most likely never arrived, unless the relay had stopped
      // decoding and could not have seen the answer.
      return relayStoppedReading && errno == 0
    }
  }

  private var relayStoppedReading: Bool { cause.layer == .frame || cause == .messageTooBig }
}
