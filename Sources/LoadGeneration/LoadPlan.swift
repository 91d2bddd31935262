// What a run is to do, as a value: everything that was asked for, nothing that happens.

import TLS
import WebSocketProtocol

/// What the load is.
package enum LoadKind: String, Sendable, CaseIterable {
  /// Each connection keeps a number of messages in flight; the next leaves when a reply comes.
  case echo
  /// Publishers send, everybody receives.
  case broadcast
  /// Messages leave when they are due, whether or not replies come.
  case latency
  /// Connections that do nothing.
  case idle
  /// Connect, one message and its reply, close; again.
  case churn
}

/// A run to be made.
package struct LoadPlan: Sendable {
  package var kind: LoadKind
  package var target: LoadTarget
  /// How many connections there are; of `churn`, how many at a time; of `broadcast`, publishers and
  /// subscribers together.
  package var connectionCount = 100
  /// Of `broadcast`: the first so many connections publish.
  package var publisherCount = 1
  /// The messages, sent in turn.
  package var messages: [[UInt8]] = []
  package var isText = false
  /// Messages in flight on each connection of `echo`, or of each publisher.
  package var depth = 1
  /// Messages a second in all, of an open loop; nil: a closed loop.
  package var rate: Double?
  package var offersDeflate = false
  /// How TLS is spoken with the server; nil: it is not.
  package var tls: TLSSettings?
  package var threadCount = 1
  /// Before anything is measured, and while it is.
  package var warmup = Duration.seconds(1)
  package var duration = Duration.seconds(10)
  /// Over which the connections are opened; zero: as fast as they open.
  package var ramp = Duration.zero
  package var subprotocols: [String] = []
  package var extraHeaders: [HeaderField] = []
  /// A server on this machine whose CPU time and memory are to be told.
  package var serverProcess: Int32?

  package init(_ kind: LoadKind, _ target: LoadTarget) {
    self.kind = kind
    self.target = target
  }

  /// Handshakes under way at once in each thread: below the backlog of any server.
  static let maximumHandshakeCount = 64
}

extension LoadPlan {
  /// The connections of one thread, by their number in the run. Publishers are all on the first
  /// thread: who waits for their window to open need not cross threads.
  func connections(ofThread thread: Int) -> [Int] {
    let first = kind == .broadcast ? publisherCount : 0
    let shared = (first..<max(first, connectionCount)).filter { $0 % threadCount == thread }
    return thread == 0 ? Array(0..<first) + shared : shared
  }
}

// What can be asked for.
extension LoadPlan {
  /// What a broadcast message needs to say what it is.
  package static let smallestBroadcastByteCount = BroadcastStamp.byteCount

  /// Whether a message may be sent as text.
  package static func isText(_ message: [UInt8]) -> Bool {
    message.withUnsafeBytes { bytes in
      bytes.baseAddress.map { UTF8Validator.isValid($0, bytes.count) } ?? true
    }
  }

  /// Whether a name is a token (RFC 9110 §5.6.2), as that of a field or a subprotocol must be.
  package static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.unicodeScalars.allSatisfy { scalar in
        scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
          || "!#$%&'*+-.^_`|~".unicodeScalars.contains(scalar)
      }
  }

  /// `Name: value` as a field of the request; nil: it is none.
  package static func headerField(_ text: String) -> HeaderField? {
    guard let colon = text.firstIndex(of: ":"), isToken(String(text[..<colon])) else { return nil }
    let value = text[text.index(after: colon)...].drop { $0 == " " }
    // RFC 9110 §5.5: a line end would be a field of its own.
    guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
    return HeaderField(String(text[..<colon]), String(value))
  }
}
