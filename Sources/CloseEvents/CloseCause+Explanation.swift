// What each cause means to the operator who finds it in the journal.
//
// A book of 24 short chapters, in the order of `CloseCause` within each part.

import RelayCore

extension CloseCause {
  /// What this cause means, why it usually happens, and what to do.
  package var explanation: Explanation {
    switch self {
    case .peerClose, .peerCloseError, .peerFin, .peerReset, .networkTimeout, .closeTimeout,
      .tlsFailure:
      explanationOfPeersEnd
    case .protocolError, .unsupportedData, .invalidUTF8, .invalidDeflate, .messageTooBig,
      .rateLimit:
      explanationOfRefusedMessage
    case .idleTimeout, .pongTimeout, .maxLifetime, .slowConsumer, .shed,
      .internalError:
      explanationOfRelaysEnd
    case .kick, .drain, .restart, .routeRemoved: explanationOfOperatorsEnd
    }
  }

  /// What the relay sends when it ends a connection for this cause, in words.
  package var answer: String {
    switch self {
    case .peerClose: "a Close frame with the peer's code, an empty one for an empty one"
    case .peerCloseError: "a Close frame with the peer's code"
    case .peerFin, .peerReset, .networkTimeout: "nothing, TCP has ended"
    case .closeTimeout: "nothing more; TCP is reset"
    case .tlsFailure: "nothing but a TLS alert"
    case .idleTimeout: "1001 \"idle timeout\" (idle_close_code)"
    case .pongTimeout: "1011 \"pong timeout\""
    case .maxLifetime, .drain, .routeRemoved: "1001"
    case .protocolError: "1002"
    case .unsupportedData: "1003"
    case .invalidUTF8, .invalidDeflate: "1007"
    case .messageTooBig: "1009"
    case .rateLimit, .kick: "1008"
    case .slowConsumer, .shed: "1013"
    case .restart: "1012"
    case .internalError: "1011"
    }
  }

  // MARK: - Ends that the peer or the network brought about

  private var explanationOfPeersEnd: Explanation {
    switch self {
    case .peerClose:
      Explanation(
        "The peer closed the connection",
        "The peer sent a Close frame that reports no error, and wsrelay answered it. This is how "
          + "a connection should end.",
        reasons: [
          "The client was done (1000), or its page was left or its program stopped (1001).",
          "The client closed without giving a code (1005), as a browser's close() does.",
          "A code from 3000 to 4999 has the meaning that the application gives it.",
        ],
        advice: [
          "Nothing, unless there are more of these than you expect: `wsrelay closes --by code` "
            + "tells the codes apart."
        ])
    case .peerCloseError:
      Explanation(
        "The peer closed the connection because of an error",
        "The peer sent a Close frame whose code reports an error: 1002, 1003 or 1007 to 1011. It "
          + "found fault with something it received, or failed itself.",
        reasons: [
          "The client could not handle a message that was relayed to it: too large for it (1009), "
            + "of a kind it does not take (1003), or not valid text (1007).",
          "A Python client that got no Pong in time closes with 1011 and the reason "
            + "\"keepalive ping timeout\": its network or its event loop stalled.",
          "The client failed while it handled a message (1011).",
        ],
        advice: [
          "Read the reason the peer gave, then the client's own log of that second.",
          "For 1009, compare max_message_size of the route with what the clients accept; wsrelay "
            + "relays whatever the route lets in.",
        ])
    case .peerFin:
      Explanation(
        "The peer ended TCP without a Close frame",
        "The peer's side of the TCP connection was closed in order (FIN), but no Close frame came "
          + "first. A browser at the other end showed 1006.",
        reasons: [
          "The client's process ended or was killed; its kernel closed the connection for it.",
          "The client closes its socket without a closing handshake.",
          "A proxy or load balancer in front closed the connection: after its idle time, at a "
            + "reload, or because its own client had gone.",
        ],
        advice: [
          "If many lived equally long, something in front cuts connections at that time: "
            + "`wsrelay closes` points it out. Lower ping_interval below that time, or raise the "
            + "proxy's timeout.",
          "If it is one kind of client, let it close with a Close frame before it exits.",
        ])
    case .peerReset:
      Explanation(
        "The TCP connection was reset",
        "The peer, or something on the way that speaks for it, reset the TCP connection "
          + "(ECONNRESET, EPIPE). What was under way in either direction is lost.",
        reasons: [
          "The client ended with data unread, or its machine restarted.",
          "A firewall, NAT gateway or load balancer dropped its state and answers with RST.",
          "The client was killed while messages were on their way to it.",
        ],
        advice: [
          "Look whether one peer or one network is behind most of them: `wsrelay closes --by "
            + "peer`.",
          "If they had been idle for minutes before, keep the state on the way alive: set "
            + "ping_interval below the shortest timeout in between, usually 60 s.",
        ])
    case .networkTimeout:
      Explanation(
        "The network lost the peer",
        "The kernel gave the connection up: what was sent was not acknowledged in time, or there "
          + "is no way to the peer (ETIMEDOUT, EHOSTUNREACH, ENETUNREACH).",
        reasons: [
          "The peer's machine lost its network or its power, or went to sleep.",
          "A route, a VPN or a firewall between the two changed and drops packets.",
        ],
        advice: [
          "Nothing, for single mobile clients: they come and go.",
          "For many at once, look at the network between: `ip route get ADDRESS`, and the "
            + "retransmits in these entries.",
        ])
    case .closeTimeout:
      Explanation(
        "The peer began to close and did not finish in time",
        "The peer sent a Close frame, and did not take wsrelay's answer and end TCP within "
          + "close_timeout. wsrelay has reset the connection.",
        reasons: [
          "The client waits for the server to end TCP first and holds the socket open, or it hung "
            + "after its Close frame.",
          "The peer vanished between its Close frame and the end of TCP.",
          "With unsent bytes: it reads too slowly, or not at all, what was on its way to it.",
        ],
        advice: [
          "Nothing is lost where no bytes were unsent: both sides had agreed to close. If one "
            + "client does it always, let it close its socket after the closing handshake.",
          "Clients on slow links may need a longer close_timeout.",
        ])
    default:
      Explanation(
        "TLS failed",
        "The TLS handshake or the record layer failed, so that nothing of WebSocket could be "
          + "exchanged. Where a code is shown it is 1015, which is never on the wire.",
        reasons: [
          "A client spoke plain ws:// or HTTP to a wss:// listener.",
          "The client does not trust the certificate, or asked for another name.",
          "Client and server have no protocol version or cipher in common.",
        ],
        advice: [
          "Read the detail of the entry: it is what the TLS library said.",
          "Look at the certificate as a client sees it: "
            + "`openssl s_client -connect HOST:PORT -servername NAME`.",
        ])
    }
  }

  // MARK: - Messages that were refused

  private var explanationOfRefusedMessage: Explanation {
    switch self {
    case .protocolError:
      Explanation(
        "The peer broke the rules of the WebSocket protocol",
        "A frame from the peer breaks RFC 6455; the detail of the entry names the rule and its "
          + "section. wsrelay closed with 1002 and read no further.",
        reasons: [
          "A client library with a bug, or a client written by hand: frames that are not masked, "
            + "a reserved bit set without an extension, broken fragments.",
          "A middlebox that does not know WebSocket changed the bytes.",
          "Somebody probes the service.",
        ],
        advice: [
          "Find out which clients: `wsrelay closes --by peer`, and the user agent in the entries.",
          "Update or replace the client library; try without the proxy in between, or with TLS, "
            + "which middleboxes cannot change.",
        ])
    case .unsupportedData:
      Explanation(
        "The peer sent a kind of message the route does not accept",
        "The route accepts only text or only binary (`accept`), and the peer sent the other kind. "
          + "wsrelay closed with 1003.",
        reasons: ["The client sends a string where it should send bytes, or the reverse."],
        advice: [
          "Change the client, or `accept` of the route in /etc/wsrelay.conf; a reload is enough."
        ])
    case .invalidUTF8:
      Explanation(
        "The peer sent text that is not UTF-8",
        "A text message, or the reason in a Close frame, is not valid UTF-8. wsrelay closed with "
          + "1007, as RFC 6455 demands, and relayed nothing of the message.",
        reasons: [
          "The client sends binary data, or text in another encoding, as a text message.",
          "The client cuts a text in the middle of a character.",
        ],
        advice: ["Let the client send binary messages, or encode its text as UTF-8."])
    case .invalidDeflate:
      Explanation(
        "The peer sent a compressed message that does not inflate",
        "The bytes of a compressed message (permessage-deflate, RFC 7692) are not valid. wsrelay "
          + "closed with 1007.",
        reasons: [
          "The client's compression loses its context, or disagrees about what was negotiated.",
          "A middlebox changed the bytes.",
        ],
        advice: [
          "Set `compression = \"off\"` on the route to see whether it goes away.",
          "Update the client library.",
        ])
    case .messageTooBig:
      Explanation(
        "The peer sent a message above max_message_size",
        "A message is larger than max_message_size of its route; the detail of the entry has the "
          + "limit and the size. wsrelay closed with 1009 before it took the message in.",
        reasons: [
          "The application's messages have grown past the limit.",
          "A client sends a file as one message.",
          "Somebody tries how much memory a message can take.",
        ],
        advice: [
          "If such messages are legitimate, raise max_message_size of the route; a reload applies "
            + "it to connected clients, too.",
          "Otherwise let the client send smaller messages.",
        ])
    default:
      Explanation(
        "The peer sent more messages than max_message_rate",
        "The peer sent more messages a second than the route allows, and used up the burst of one "
          + "second. wsrelay closed with 1008.",
        reasons: [
          "A client sends in a loop: after a failed reconnect, or without waiting for answers.",
          "The limit is below what the application does when it is busy.",
        ],
        advice: [
          "Look at how many messages it sent in which time (rx, duration), and set "
            + "max_message_rate above what is legitimate.",
          "Let the client wait before it sends again.",
        ])
    }
  }

  // MARK: - Ends that the relay decided on

  private var explanationOfRelaysEnd: Explanation {
    switch self {
    case .idleTimeout:
      Explanation(
        "No data message for idle_timeout",
        "No data message went over the connection for idle_timeout of its route; with "
          + "`idle_direction = \"received\"`, none from the peer. Pings and Pongs do not count. "
          + "wsrelay closed with 1001.",
        reasons: [
          "The client has nothing to say. That is what the timeout is for.",
          "The client has stopped working but its socket lives.",
        ],
        advice: [
          "Nothing, if clients are expected to leave when they are idle.",
          "If they should stay, raise idle_timeout of the route (\"0s\" switches it off), or let "
            + "the client send something within that time. Dead connections are still found by "
            + "ping_interval.",
        ])
    case .pongTimeout:
      Explanation(
        "The peer stopped answering",
        "wsrelay sent a Ping, and not one byte came from the peer within ping_timeout. The peer is "
          + "most likely gone; without Pings nobody would have noticed. wsrelay sent 1011 and "
          + "ended the connection.",
        reasons: [
          "The peer's machine went to sleep, lost its network or changed it.",
          "A firewall or NAT gateway dropped its state without a word.",
          "The client hangs: a stopped process, a blocked event loop.",
          "With unsent bytes in the entry the peer was slow rather than dead: the Ping waited "
            + "behind data.",
        ],
        advice: [
          "Nothing, for single mobile clients: they come and go.",
          "If the peers were alive, raise ping_timeout; if it happens after quiet minutes, lower "
            + "ping_interval below the timeouts of what is in between.",
        ])
    case .maxLifetime:
      Explanation(
        "The connection reached max_lifetime",
        "The connection is as old as max_lifetime of its route allows. wsrelay closed with 1001.",
        reasons: [
          "That is what max_lifetime is for: spreading clients over servers again, or making them "
            + "authenticate again."
        ],
        advice: [
          "Nothing, if clients reconnect. Raise max_lifetime, or \"0s\" for no limit, if they do "
            + "not."
        ])
    case .slowConsumer:
      Explanation(
        "The peer read too slowly",
        "More than send_buffer bytes waited for the peer, and the route's policy is to disconnect "
          + "slow consumers. wsrelay closed with 1013. The entry says how many bytes were unsent "
          + "and how many messages were dropped.",
        reasons: [
          "The client's link is slower than what is published on its channel.",
          "The client does not read: a hung page, a stopped process, a debugger.",
          "A burst was larger than the buffer.",
        ],
        advice: [
          "If bursts are legitimate, raise send_buffer of the route; it is memory per slow client.",
          "If clients may miss messages, set slow_consumer to \"drop-oldest\" or \"drop-newest\".",
          "Publish less to each client: more channels, smaller messages.",
        ])
    case .shed:
      Explanation(
        "wsrelay ran short of memory or descriptors",
        "To keep serving the others, wsrelay gave this connection up with 1013, or could not take "
          + "it in at all. The detail says how much the connection held when max_buffer_memory did "
          + "not suffice: those that hold most go first. An error number says what else ran out.",
        reasons: [
          "Many clients read slowly, or begin large messages and do not finish them.",
          "More connections than LimitNOFILE= of the service allows.",
          "The machine, or the service's memory limit, ran out of memory.",
        ],
        advice: [
          "Compare connections (`systemctl status wsrelay`) with the descriptor limit in the start "
            + "entry; raise LimitNOFILE= or lower max_connections.",
          "Find what uses the memory: many slow consumers times send_buffer is the usual answer. "
            + "Lower send_buffer and max_message_size, or raise max_buffer_memory.",
        ])
    default:
      Explanation(
        "A fault of wsrelay itself",
        "Something happened that wsrelay does not expect. It closed this connection, with 1011 "
          + "where it could; the others go on.",
        reasons: ["A bug in wsrelay, or an error of the system that it does not know."],
        advice: [
          "Report it with the whole entry: `journalctl -o verbose WSRELAY_CAUSE=internal-error`."
        ])
    }
  }

  // MARK: - Ends that the operator brought about

  private var explanationOfOperatorsEnd: Explanation {
    switch self {
    case .kick:
      Explanation(
        "An operator closed the connection",
        "Somebody who runs this service ended the connection. wsrelay closed with 1008.",
        reasons: ["`wsrelay kick`."], advice: ["Nothing."])
    case .drain:
      Explanation(
        "The service was stopping",
        "The service was told to stop and closed its connections with 1001, so that clients can "
          + "connect elsewhere. Those that did not answer within drain.grace were reset.",
        reasons: ["`systemctl stop`, a shutdown of the machine, or TERM."],
        advice: [
          "Nothing. If all clients coming back at once is a problem, set drain.spread."
        ])
    case .restart:
      Explanation(
        "The service was restarting",
        "The service was restarted, could not keep this connection as it usually does, and closed "
          + "it with 1012; clients should come back after a short random delay.",
        reasons: [
          "The configuration was wrong at that moment: the next process would not have started.",
          "The unit has no FileDescriptorStoreMax=.",
          "The version that started does not understand what the one before had written down; "
            + "the entry's detail says so.",
        ],
        advice: [
          "Read what the relay said just before its restart, and compare `systemctl cat wsrelay` "
            + "with the unit as it comes.",
          "If all clients coming back at once is a problem, set drain.spread.",
        ])
    default:
      Explanation(
        "A reload removed the route",
        "The connection's route is not in the configuration any more, or has another mode now. "
          + "wsrelay closed with 1001.",
        reasons: ["The route was removed, renamed or changed from echo to broadcast, or back."],
        advice: [
          "Nothing, if that was intended. The reload entry of the same time says what changed."
        ])
    }
  }
}
