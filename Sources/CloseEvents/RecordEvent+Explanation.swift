// What the journal's other events mean; a close is explained by its cause.

extension RecordEvent {
  /// What this event means and what to do; nil for a close.
  package var explanation: Explanation? {
    switch self {
    case .close: nil
    case .reject:
      Explanation(
        "A WebSocket handshake was refused",
        "A client asked for a WebSocket connection, or for something else, and got an HTTP error "
          + "instead. The entry has the status and the rule that refused it.",
        reasons: [
          "404: no route has this path. 403: the route does not allow the page's Origin.",
          "426 or 400: not a WebSocket client, such as a browser's address bar or a health check, "
            + "or a proxy in front that does not pass `Upgrade` and `Connection` on.",
          "408: the request did not come in time. 414 and 431: it is larger than allowed.",
          "429 and 503: too many connections, or the service is stopping.",
        ],
        advice: [
          "For 404 and 403 compare path and origin in the entry with the routes that are in force: "
            + "`wsrelay check --print-effective`.",
          "For 426 behind a proxy, let it speak HTTP/1.1 to wsrelay and forward `Upgrade` and "
            + "`Connection`.",
          "For 503 look at max_connections, of the service and of the route, and at LimitNOFILE=.",
        ])
    case .open:
      Explanation(
        "A WebSocket connection was opened",
        "A client was let in on a route. Such entries are written only with `level = \"debug\"`.",
        advice: ["Set `level = \"info\"` in [log] and reload, if these are too many."])
    case .gap:
      Explanation(
        "Entries are missing from the journal",
        "wsrelay had more to write down than the journal took, or there was no journal. The "
          + "connections themselves were not affected. This entry says how many entries are "
          + "missing, by cause.",
        reasons: [
          "systemd-journald was stopped or hung for longer than the queue could hold what came.",
          "The disk of the journal was full or slow while very many connections ended at once.",
        ],
        advice: [
          "Look at `systemctl status systemd-journald` and at the space under /var/log/journal.",
          "Counts by cause are complete with these numbers added.",
        ])
    case .start:
      Explanation(
        "wsrelay has started",
        "The configuration was read, all listeners are open, and connections are accepted. The "
          + "entry says where, and with which limits.",
        advice: [
          "Compare the descriptor limit with the connections you expect: each needs one descriptor."
        ])
    case .restart:
      Explanation(
        "wsrelay has restarted and kept its connections",
        "The process before left its connections to this one, which goes on with them where they "
          + "stood: clients notice a pause at most. The entry says how many there are, how many "
          + "had to be closed, and for how long nobody was served.",
        reasons: ["`systemctl restart`, an upgrade of the package, or USR2."],
        advice: [
          "Nothing, if none was closed.",
          "Those that were closed have entries of their own: `route-removed` where the new "
            + "configuration has no such route, `restart` where the state of the process before "
            + "could not be read.",
        ])
    case .reload:
      Explanation(
        "The configuration was reloaded",
        "wsrelay read its configuration again. If that succeeded, the entry says what changed, and "
          + "what changed is in force for connected clients, too. If it failed, the entry is an "
          + "error, and everything is as it was before.",
        reasons: ["`systemctl reload wsrelay`, or HUP."],
        advice: [
          "After a failure, read the errors beside this entry, with file, line and column; "
            + "`wsrelay check` shows the same, without a reload."
        ])
    case .drain:
      Explanation(
        "wsrelay is stopping",
        "wsrelay was told to stop. It accepts nothing new, closes all connections with 1001 (1012 "
          + "in a restart that could not keep them), spread over drain.spread, waits up to "
          + "drain.grace for their answers, and resets the rest. Each connection still has its "
          + "entry.",
        reasons: ["`systemctl stop`, a shutdown of the machine, TERM or INT."],
        advice: ["Nothing. A second TERM stops at once."])
    case .stop:
      Explanation(
        "wsrelay has stopped",
        "All connections have ended and the process is about to end. The entry says how many "
          + "connections were closed since the stop began, and how many of them cleanly.",
        advice: [
          "If many did not close cleanly, their clients do not answer Close frames, or drain.grace "
            + "is too short for them."
        ])
    }
  }
}
