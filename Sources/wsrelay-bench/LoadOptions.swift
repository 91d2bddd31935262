// The options of all kinds of load, and how they become a plan.

import Getopt
import LoadGeneration
import TLS

/// A run as it was asked for.
struct LoadOptions {
  static let connections = Option.value("connections", "N", letter: "c")
  static let threads = Option.value("threads", "N", letter: "t")
  static let duration = Option.value("duration", "TIME")
  static let warmup = Option.value("warmup", "TIME")
  static let ramp = Option.value("ramp", "TIME")
  static let deflate = Option.flag("deflate")
  static let header = Option.value("header", "FIELD")
  static let subprotocol = Option.value("subprotocol", "NAME")
  static let authorities = Option.value("ca", "FILE")
  static let insecure = Option.flag("insecure")
  static let serverPID = Option.value("server-pid", "PID")
  static let json = Option.flag("json")
  static let plot = Option.value("plot", "FILE")

  static let text = Option.flag("text")
  static let size = Option.value("size", "SIZE", letter: "s")
  static let file = Option.value("file", "FILE")

  static let depth = Option.value("depth", "N", letter: "d")
  static let publishers = Option.value("publishers", "N", letter: "p")
  static let subscribers = Option.value("subscribers", "N", letter: "n")
  static let rate = Option.value("rate", "N")

  static let all = [
    connections, threads, duration, warmup, ramp, deflate, header, subprotocol, authorities,
    insecure, serverPID, json, plot,
  ]
  static let messages = [text, size, file]

  static let messagesHelp = """
      -s, --size SIZE       Payload of a message: 64, 16K or 1M bytes; several, as in 64,1K, take
                            turns. Default: 64.
      --text                Send text instead of binary messages.
      --file FILE           Send the lines of a file instead, in turn.
    """

  private static let connectionsHelp = """
      -c, --connections N   How many connections. Default: 100.

    """

  static let help =
    connectionsHelp + """
        -t, --threads N       Threads of this tool. Default: 1.
        --duration TIME       How long to measure: 10, 500ms, 2m. Default: 10 s.
        --warmup TIME         How long to run before that. Default: 1 s.
        --ramp TIME           Spread the opening of the connections over this time.
        --deflate             Offer permessage-deflate, and send compressed.
        --header FIELD        A field for the request, as in 'Origin: https://example.org'. May be
                              given several times.
        --subprotocol NAME    A subprotocol to offer. May be given several times.
        --ca FILE             With wss://: trust the authorities in this PEM file, not the system's.
        --insecure            With wss://: take any certificate.
        --server-pid PID      Tell what this process, the server, costs in CPU time and memory.
        --json                One JSON object instead of the summary.
        --plot FILE           Draw latencies and throughput as SVG.
      """

  static func help(without option: Option) -> String {
    precondition(option == connections, "no other option is left out anywhere")
    return String(help.dropFirst(connectionsHelp.count))
  }

  var plan: LoadPlan
  let isJSON: Bool
  let plotFile: String?
  private let messageFile: String?

  /// What was typed for a kind of load.
  init(_ kind: LoadKind, _ arguments: ParsedArguments) throws(UsageError) {
    guard let url = arguments.operands.first else {
      throw UsageError("no URL: ws://HOST[:PORT][/PATH], or wss://")
    }
    do throws(TargetError) {
      plan = LoadPlan(kind, try LoadTarget(url: url))
    } catch {
      throw UsageError("\(url.debugDescription): \(error)")
    }
    isJSON = arguments.has(Self.json)
    plotFile = arguments.value(of: Self.plot)
    messageFile = arguments.value(of: Self.file)
    try takeNumbers(arguments)
    try takeTimes(arguments)
    try takeHandshake(arguments)
    try takeTLS(arguments)
    try takeMessages(arguments)
    if plan.threadCount > plan.connectionCount {
      throw UsageError("--threads \(plan.threadCount) for \(plan.connectionCount) connections")
    }
  }

  private mutating func takeNumbers(_ arguments: ParsedArguments) throws(UsageError) {
    plan.connectionCount = try arguments.number(of: Self.connections, in: 1...1_000_000) ?? 100
    plan.threadCount = try arguments.number(of: Self.threads, in: 1...256) ?? 1
    plan.depth = try arguments.number(of: Self.depth, in: 1...65_536) ?? 1
    plan.rate = try arguments.number(of: Self.rate, in: 1...100_000_000).map(Double.init)
    plan.serverProcess = try arguments.number(of: Self.serverPID, in: 1...Int(Int32.max))
      .map { Int32($0) }
    guard plan.kind == .broadcast else { return }
    if plan.rate != nil && arguments.has(Self.depth) {
      throw UsageError("--rate sends on time, --depth when there is room: one of them")
    }
    plan.publisherCount = try arguments.number(of: Self.publishers, in: 1...10_000) ?? 1
    let subscribers = try arguments.number(of: Self.subscribers, in: 0...1_000_000) ?? 100
    plan.connectionCount = plan.publisherCount + subscribers
    if plan.connectionCount < 2 {
      throw UsageError("nobody to receive: --subscribers 1 at least, or --publishers 2")
    }
  }

  private mutating func takeTimes(_ arguments: ParsedArguments) throws(UsageError) {
    plan.duration = try arguments.time(of: Self.duration) ?? plan.duration
    plan.warmup = try arguments.time(of: Self.warmup) ?? plan.warmup
    plan.ramp = try arguments.time(of: Self.ramp) ?? plan.ramp
    if plan.duration < .milliseconds(100) { throw UsageError("--duration is 100ms or more") }
  }

  private mutating func takeHandshake(_ arguments: ParsedArguments) throws(UsageError) {
    plan.offersDeflate = arguments.has(Self.deflate)
    plan.subprotocols = arguments.values(of: Self.subprotocol)
    for subprotocol in plan.subprotocols where !LoadPlan.isToken(subprotocol) {
      throw UsageError("--subprotocol \(subprotocol.debugDescription) is not a token")
    }
    for text in arguments.values(of: Self.header) {
      guard let field = LoadPlan.headerField(text) else {
        throw UsageError("--header \(text.debugDescription) is not like 'Name: value'")
      }
      plan.extraHeaders.append(field)
    }
  }

  private mutating func takeTLS(_ arguments: ParsedArguments) throws(UsageError) {
    let authorities = arguments.value(of: Self.authorities)
    let isInsecure = arguments.has(Self.insecure)
    guard plan.target.isSecure else {
      if authorities != nil || isInsecure {
        throw UsageError("--ca and --insecure are for wss://")
      }
      return
    }
    do throws(TLSFailure) {
      plan.tls = try TLSSettings(connectingTrusting: authorities, verifies: !isInsecure)
    } catch {
      throw UsageError("--ca \((authorities ?? "").debugDescription): \(error.text)")
    }
  }

  private mutating func takeMessages(_ arguments: ParsedArguments) throws(UsageError) {
    guard plan.kind != .idle else { return }
    plan.isText = arguments.has(Self.text)
    if let messageFile {
      if arguments.has(Self.size) { throw UsageError("--file has its own sizes: no --size") }
      plan.messages = try Files.lines(messageFile)
      if plan.isText && !plan.messages.allSatisfy(LoadPlan.isText) {
        throw UsageError("\(messageFile): not UTF-8, so not for --text")
      }
    } else {
      let sizes = try arguments.sizes(of: Self.size) ?? [64]
      plan.messages = MessageSource.generated(sizes: sizes, isText: plan.isText)
    }
    let least = plan.messages.map(\.count).min() ?? 0
    if plan.kind == .broadcast && least < LoadPlan.smallestBroadcastByteCount {
      throw UsageError(
        "a broadcast message has \(LoadPlan.smallestBroadcastByteCount) bytes or more")
    }
  }
}
