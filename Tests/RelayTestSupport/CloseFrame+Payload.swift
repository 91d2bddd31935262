// The payload of a Close frame as tests compare it.

import WebSocketProtocol

extension CloseFrame {
  /// What `withPayload` gives, as an array.
  package var payload: [UInt8] { withPayload { Array($0) } }
}
