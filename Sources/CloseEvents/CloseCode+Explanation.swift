// What each close code means, by RFC 6455 §7.4 and the IANA registry, and what it means here.

import RelayCore
import WebSocketProtocol

extension CloseCode {
  /// The codes that the IANA registry assigns one by one.
  package static let registered: [CloseCode] =
    (Array(1000...1015) + [3000, 3003, 3008]).map { CloseCode(rawValue: $0) }

  /// What this code means and what to do; every number has an answer.
  package var explanation: Explanation {
    switch rawValue {
    case 1000...1015: explanationOfProtocolCode
    case 3000, 3003, 3008: explanationOfRegisteredCode
    default: explanationOfRange
    }
  }

  /// The causes that entries with this code most likely have.
  package var likelyCauses: [CloseCause] {
    switch rawValue {
    case 1000, 1005, 3003, 3008, 3001...3999, 4000...4999: [.peerClose]
    case 1001: [.peerClose, .idleTimeout, .maxLifetime, .drain, .routeRemoved]
    case 1002: [.protocolError, .peerCloseError]
    case 1003: [.unsupportedData, .peerCloseError]
    case 1006: [.peerFin, .peerReset, .networkTimeout, .shed, .internalError]
    case 1007: [.invalidUTF8, .invalidDeflate, .peerCloseError]
    case 1008: [.rateLimit, .kick, .peerCloseError]
    case 1009: [.messageTooBig, .peerCloseError]
    case 1010: [.peerCloseError]
    case 1011: [.pongTimeout, .internalError, .peerCloseError]
    case 1012: [.restart, .peerClose]
    case 1013: [.slowConsumer, .shed, .peerClose]
    case 1014: [.peerClose]
    case 1015: [.tlsFailure]
    case 3000: [.peerClose]
    default: [.protocolError]
    }
  }

  private var explanationOfProtocolCode: Explanation {
    switch rawValue {
    case 1000:
      Explanation(
        name, "The connection has served its purpose. Whoever sent it closed on purpose.",
        advice: ["Nothing."])
    case 1001:
      Explanation(
        name,
        "The endpoint goes away: a page that is left, a program or service that stops. wsrelay "
          + "sends it for idle_timeout, max_lifetime, a removed route and a stop.",
        advice: ["Clients that are still needed should connect again, after a random delay."])
    case 1002:
      Explanation(
        name, "The other end broke a rule of the protocol, so that it could not be understood.",
        advice: ["Read the detail of the entry: it names the rule. It is a bug, not a setting."])
    case 1003:
      Explanation(
        name, "A message was of a kind, text or binary, that the receiver does not take.",
        advice: ["Compare what the client sends with `accept` of the route."])
    case 1004:
      Explanation(
        name, "Reserved, without a meaning. It must not be sent; received, it is a protocol error.")
    case 1005:
      Explanation(
        name,
        "Never on the wire: it stands for a Close frame that had no code, as from a browser's "
          + "close(). The closing handshake was done; nothing is wrong.",
        advice: ["Nothing."])
    case 1006:
      Explanation(
        name,
        "Never on the wire: it stands for a connection that ended without any Close frame. By "
          + "itself it says nothing about why. In wsrelay's entries it always comes with a cause, "
          + "the layer, who began it, and the kernel's error where there was one.",
        advice: [
          "Look at the causes behind it: `wsrelay closes`. Then explain the cause.",
          "A browser shows 1006 for every end it did not understand; the entry of the same "
            + "connection says what really happened, and WSRELAY_PEER_SAW what the browser showed.",
        ])
    case 1007:
      Explanation(
        name, "The payload does not fit its type: text that is not UTF-8, or broken compression.",
        advice: ["Let the sender encode text as UTF-8, or send binary messages."])
    case 1008:
      Explanation(
        name, "A rule of the receiver was broken for which there is no code of its own.",
        advice: ["Read the reason and the detail of the entry: they name the rule."])
    case 1009:
      Explanation(
        name, "A message is larger than the receiver takes.",
        advice: [
          "If wsrelay sent it, raise max_message_size of the route or send smaller messages; if "
            + "the client did, its own limit is smaller than what is relayed to it."
        ])
    case 1010:
      Explanation(
        name,
        "From a client only: it needs an extension that the server did not agree to. wsrelay never "
          + "sends it.",
        advice: ["The reason lists the extensions. Let the client do without."])
    case 1011:
      Explanation(
        name,
        "The sender could not go on. wsrelay sends it when a Ping is not answered, and for a fault "
          + "of its own; Python's websockets sends it when *its* Ping is not answered in time.",
        advice: ["Look at the cause: pong-timeout, internal-error or peer-close-error."])
    case 1012:
      Explanation(
        name, "The service restarts.",
        advice: ["Clients should connect again, after a random delay of 5 to 30 seconds."])
    case 1013:
      Explanation(
        name,
        "Overload: try again later. wsrelay sends it to a client that reads too slowly, and when "
          + "it runs short of memory or descriptors.",
        advice: ["Look at the cause: slow-consumer or shed."])
    case 1014:
      Explanation(
        name, "A gateway got no valid answer from the server behind it. wsrelay never sends it.",
        advice: ["Look at the gateway that the client or a proxy stands for."])
    default:
      Explanation(
        name,
        "Never on the wire: it stands for a TLS handshake that failed, before there was a "
          + "WebSocket connection.",
        advice: ["Look at the certificate, its names and its dates."])
    }
  }

  private var explanationOfRegisteredCode: Explanation {
    switch rawValue {
    case 3000:
      Explanation(
        name,
        "The peer has not shown who it is, or does not count as that any longer, as HTTP's 401.",
        advice: ["Let the client authenticate again and connect again."])
    case 3003:
      Explanation(
        name, "The peer is known but may not do what it asked for, as HTTP's 403.",
        advice: ["Look at the client's permissions in the application."])
    default:
      Explanation(
        name, "Something the peer should have done took too long, as HTTP's 408.",
        advice: ["Look at what the application expects within which time."])
    }
  }

  private var explanationOfRange: Explanation {
    switch rawValue {
    case 0...999:
      Explanation(
        "Not a close code",
        "Codes below 1000 are not used. Received in a Close frame, such a number is a protocol "
          + "error.")
    case 1016...2999:
      Explanation(
        "Reserved for the protocol",
        "Codes from 1000 to 2999 are for RFC 6455, its revisions and its extensions; this one is "
          + "not assigned. Received in a Close frame, it is a protocol error.")
    case 3001...3999:
      Explanation(
        "Of a library or framework",
        "Codes from 3000 to 3999 are registered with IANA by libraries, frameworks and "
          + "applications; wsrelay does not know this one. It passes such codes on as they are.",
        advice: ["Look it up in the documentation of the client's library."])
    case 4000...4999:
      Explanation(
        "Of the application itself",
        "Codes from 4000 to 4999 are private: they mean what the application at both ends says.",
        advice: ["Ask whoever wrote the client."])
    default:
      Explanation(
        "Not a close code",
        "Codes above 4999 are not defined. Received in a Close frame, such a number is a protocol "
          + "error.")
    }
  }
}
