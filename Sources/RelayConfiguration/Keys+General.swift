// The keys at the top level, in [log], [drain] and [[listen]].

import RelayCore

/// All keys, by section and in the order in which they are printed.
package enum Keys {
  /// Connections a bound can name: more than descriptors a process can have.
  static let connectionCounts = 0...10_000_000
  /// Less would not hold one message of the usual size and the queue of one slow consumer.
  static let bufferMemory = (16 << 20)...(1 << 40)

  static let top: [Key<Configuration>] = {
    let key = KeyMaker(section: .top, standard: Configuration.builtIn)
    return [
      key.count(
        "threads", \.threadCount, 0...1024, .restart,
        "worker threads; 0 = one per CPU this process may use",
        "Each connection stays on the thread that accepted it."),
      key.boolean(
        "busy_poll", \.pollsBusily, .restart,
        "look for messages for a moment before sleeping: earlier answers for more CPU time",
        "A thread to which the last message came soon looks for the next one before it sleeps, for"
          + " up to 50 microseconds; where messages are rarer than that, it sleeps at once. This"
          + " about halves the latency of a relay that is neither idle nor at its limit, and can"
          + " take a whole CPU for each thread: for machines that have nothing else to do."),
      key.count(
        "max_connections", \.maximumConnectionCount, connectionCounts, .newConnections,
        "connections in all; 0 = what the descriptor limit allows, less a reserve",
        "Further ones are answered with 503 and Retry-After."),
      key.size(
        "max_buffer_memory", \.maximumBufferMemory, bufferMemory, allowsZero: true, .atOnce,
        "memory for what is held for all connections together; 0B = a quarter of what there is",
        "What is held is what has not come completely, what a peer has not read yet, and contexts"
          + " of compression. Each thread has an equal share. Where it does not suffice, the"
          + " connections that hold most are closed with 1013, cause shed. A quarter of what there"
          + " is: of the memory limit of the service (MemoryMax= or MemoryHigh=), else of the"
          + " machine's memory."),
    ]
  }()

  static let log: [Key<Configuration.Log>] = {
    let key = KeyMaker(section: .log, standard: Configuration.Log())
    return [
      key.choice(
        "target", \.target, .logging,
        "auto = the journal where there is one, else standard error",
        "In the journal every entry carries its fields; on standard error it is one line."),
      key.choice(
        "format", \.format, .logging, "how entries look on standard error",
        "Has no effect on the journal."),
      key.choice(
        "level", \.level, .logging, "debug adds one entry per opened connection",
        "Overridden by --log-level."),
      key.boolean(
        "peer_details", \.includesPeerDetails, .logging,
        "false leaves origin, user agent and query strings out of the log",
        "The address of the peer is always logged."),
    ]
  }()

  static let drain: [Key<Configuration.Drain>] = {
    let key = KeyMaker(section: .drain, standard: Configuration.Drain())
    return [
      key.duration(
        "grace", \.grace, .milliseconds(1) ... .seconds(3600), .nextStop,
        "how long a stop waits for closing handshakes",
        "Whoever has not answered by then is cut off; \"0s\" does not wait."),
      key.duration(
        "spread", \.spread, .milliseconds(1) ... .seconds(3600), .nextStop,
        "closes are spread over this time, so that clients do not all come back at once",
        "\"0s\" closes all connections together."),
    ]
  }()

  static let listen: [Key<Configuration.Listener>] = {
    let standard = Configuration.Listener(address: .tcp(host: "127.0.0.1", port: 8080))
    let key = KeyMaker(section: .listen, standard: standard)
    return [
      key.make(
        "address", .address, isRequired: true, .listeners,
        "host:port, [v6]:port, *:port, unix:/path or systemd:NAME",
        "Hosts are numeric, or localhost for 127.0.0.1; * is all addresses of both families;"
          + " port 0 lets the system choose. A Unix socket may be used by the user and the group"
          + " of the process (mode 0660): Group= in the unit says which group that is."
          + " systemd:NAME is a socket inherited from the service"
          + " manager, by its FileDescriptorName=. The same address twice is an error.",
        read: { .address($0.address) },
        write: { listener, value in
          if case .address(let address) = value { listener.address = address }
        }),
      key.duration(
        "handshake_timeout", \.handshakeTimeout, .milliseconds(10) ... .seconds(3600),
        allowsOff: false, .newConnections, "time from accept to the end of the request",
        "It is not extended by bytes that come in slowly, and cannot be switched off."),
      key.size(
        "max_request_size", \.maximumRequestByteCount, 256...(64 << 10), .newConnections,
        "bytes of the request line and all header fields together",
        "Longer requests are answered with 414 or 431."),
      key.boolean(
        "proxy_protocol", \.requiresProxyHeader, .newConnections,
        "require PROXY protocol v1 or v2",
        "Every connection must begin with such a header, as HAProxy's send-proxy and cloud load"
          + " balancers write it, and is the client's that it names; without one it is refused"
          + " with 400."),
      key.make(
        "trusted_proxies", .networks, .newRequests,
        "networks whose X-Forwarded-For or Forwarded is believed",
        "Addresses or networks, such as \"10.0.0.0/8\" or \"2001:db8::/32\", or \"unix\" for the"
          + " peers of a Unix socket. Limits and entries are about the client that the nearest"
          + " proxy not in the list was, and the proxy is noted beside it. Forwarded (RFC 7239)"
          + " counts where there are both.",
        read: { .texts($0.trustedProxies.map(\.description)) },
        write: { listener, value in
          if case .texts(let texts) = value {
            listener.trustedProxies = texts.compactMap { try? Network(configured: $0) }
          }
        }),
      key.make(
        "tls", .certificates, .newConnections,
        "certificate and key files for wss://; absent = plain ws://",
        "PEM files by their absolute paths: the certificate followed by those of its authorities,"
          + " and its private key, not encrypted; or \"credential:NAME\" for what LoadCredential="
          + " in the unit hands over. A list of such tables is for several names: a client is shown"
          + " the certificate for the host it asks for, and for any other the first one. Files are"
          + " read again by every reload. TLS 1.2 and 1.3 are spoken; see TLS below.",
        read: { $0.certificates.isEmpty ? nil : .certificates($0.certificates) },
        write: { listener, value in
          if case .certificates(let files) = value { listener.certificates = files }
        }),
    ]
  }()
}

extension Keys {
  /// Descriptions of every key; [defaults] has those of [[route]] that can have a default.
  package static func descriptions(of section: Section) -> [KeyDescription] {
    switch section {
    case .top: top.map(\.description)
    case .log: log.map(\.description)
    case .drain: drain.map(\.description)
    case .listen: listen.map(\.description)
    case .defaults:
      defaults.map { key in
        var description = key.description
        description.section = .defaults
        return description
      }
    case .route: route.map(\.description)
    }
  }
}
