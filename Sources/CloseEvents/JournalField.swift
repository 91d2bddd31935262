// The names of the journal's fields: a public interface. Operators write queries and alerts against
// them, so that a released name never changes its meaning (docs/close-events.md).

/// A field of a record, by the name that the journal knows it under.
package enum JournalField: String, CaseIterable, Sendable {
  // What journald itself gives a meaning.
  case message = "MESSAGE"
  case priority = "PRIORITY"
  case identifier = "SYSLOG_IDENTIFIER"
  case messageID = "MESSAGE_ID"
  case errorNumber = "ERRNO"

  // What happened.
  case event = "WSRELAY_EVENT"
  case connectionID = "WSRELAY_CONNECTION_ID"

  // The closing handshake.
  case closeCode = "WSRELAY_CLOSE_CODE"
  case closeName = "WSRELAY_CLOSE_NAME"
  case codeSent = "WSRELAY_CODE_SENT"
  case codeReceived = "WSRELAY_CODE_RECEIVED"
  case reasonSent = "WSRELAY_REASON_SENT"
  case reasonReceived = "WSRELAY_REASON_RECEIVED"
  case closeOrder = "WSRELAY_CLOSE_ORDER"
  case isClean = "WSRELAY_CLEAN"
  case peerSaw = "WSRELAY_PEER_SAW"

  // Who, where, why, when.
  case initiator = "WSRELAY_INITIATOR"
  case layer = "WSRELAY_LAYER"
  case cause = "WSRELAY_CAUSE"
  case causeDetail = "WSRELAY_CAUSE_DETAIL"
  case phase = "WSRELAY_PHASE"
  case errorName = "WSRELAY_ERRNO_NAME"

  // The two ends, and what they agreed on.
  case route = "WSRELAY_ROUTE"
  case channel = "WSRELAY_CHANNEL"
  case path = "WSRELAY_PATH"
  case listener = "WSRELAY_LISTENER"
  case peer = "WSRELAY_PEER"
  case peerPort = "WSRELAY_PEER_PORT"
  case via = "WSRELAY_VIA"
  case origin = "WSRELAY_ORIGIN"
  case subprotocol = "WSRELAY_SUBPROTOCOL"
  case userAgent = "WSRELAY_USER_AGENT"

  // How long and how much.
  case duration = "WSRELAY_DURATION_USEC"
  case idle = "WSRELAY_IDLE_USEC"
  case pingRoundTrip = "WSRELAY_PING_RTT_USEC"
  case receivedMessageCount = "WSRELAY_RX_MESSAGES"
  case receivedByteCount = "WSRELAY_RX_BYTES"
  case sentMessageCount = "WSRELAY_TX_MESSAGES"
  case sentByteCount = "WSRELAY_TX_BYTES"
  case droppedMessageCount = "WSRELAY_DROPPED_MESSAGES"
  case unsentByteCount = "WSRELAY_UNSENT_BYTES"
  case tcpRetransmitCount = "WSRELAY_TCP_RETRANSMITS"
  case tcpRoundTrip = "WSRELAY_TCP_RTT_USEC"
  case restartCount = "WSRELAY_RESTARTS"

  // A refused handshake.
  case httpStatus = "WSRELAY_HTTP_STATUS"
  case rule = "WSRELAY_RULE"

  // The daemon's own life.
  case version = "WSRELAY_VERSION"
  case connectionCount = "WSRELAY_CONNECTIONS"
  case maximumConnectionCount = "WSRELAY_MAX_CONNECTIONS"
  case descriptorLimit = "WSRELAY_DESCRIPTOR_LIMIT"
  case listenerCount = "WSRELAY_LISTENERS"
  case routeCount = "WSRELAY_ROUTES"
  case workerCount = "WSRELAY_WORKERS"
  case result = "WSRELAY_RESULT"
  case errorCount = "WSRELAY_ERRORS"
  case addedRouteCount = "WSRELAY_ROUTES_ADDED"
  case removedRouteCount = "WSRELAY_ROUTES_REMOVED"
  case changedRouteCount = "WSRELAY_ROUTES_CHANGED"
  case addedListenerCount = "WSRELAY_LISTENERS_ADDED"
  case removedListenerCount = "WSRELAY_LISTENERS_REMOVED"
  case restartNeeded = "WSRELAY_RESTART_NEEDED"
  case closedCount = "WSRELAY_CLOSED"
  case cleanCount = "WSRELAY_CLOSED_CLEANLY"
  case adoptedCount = "WSRELAY_ADOPTED"
  case previousVersion = "WSRELAY_PREVIOUS_VERSION"

  // Records that could not be written.
  case lostCount = "WSRELAY_LOST"
  case lostByCause = "WSRELAY_LOST_BY_CAUSE"
}

extension JournalField {
  /// What records of connections and of losses have; the others are of the daemon's own life.
  package static let ofConnections = allCases.filter { field in
    switch field {
    case .version, .connectionCount, .maximumConnectionCount, .descriptorLimit, .listenerCount,
      .routeCount, .workerCount, .result, .errorCount, .addedRouteCount, .removedRouteCount,
      .changedRouteCount, .addedListenerCount, .removedListenerCount, .restartNeeded,
      .closedCount, .cleanCount, .adoptedCount, .previousVersion:
      false
    default: true
    }
  }
}

/// How grave a record is, as syslog(3) numbers it.
package enum RecordPriority: Int, Sendable {
  case error = 3
  case warning = 4
  case notice = 5
  case info = 6
  case debug = 7
}
