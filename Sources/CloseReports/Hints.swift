// What the figures mean, where they mean something. Each hint is one sentence: what was seen, and
// what to do. It is given only where the data can hardly mean anything else, because advice that is
// wrong once is never read again.

import CloseEvents
import WebSocketProtocol

/// Advice drawn from a tally.
package struct Hints: Sendable {
  /// Below that, anything may be chance.
  static let minimumCount: UInt64 = 20
  /// "Most of them": lifetimes that a timer did not end never come close to it in so narrow a band.
  static let bandShare = 0.6
  /// "Behind most of them": more than all others together.
  static let majority = 0.5
  /// One address with nearly all connections, clean ones too, is a proxy and no client.
  static let proxyShare = 0.9
  /// One client with so large a part of all violations has a bug of its own.
  static let violatorShare = 0.8
  /// A storm takes this many closes; five a second are common where many people are connected.
  static let minimumStormCount: UInt64 = 50
  /// Only a span this many times as long as the storm shows that it was one.
  static let stormSpanFactor: UInt64 = 10
  /// So many clients that come back at once are felt.
  static let minimumStopCount: UInt64 = 100
  /// A few pong timeouts with unsent bytes are what dead peers on a busy channel leave behind.
  static let minimumPongTimeoutCount: UInt64 = 10
  /// Codes and probes are odd from the first, but one is not worth a line.
  static let minimumOddCount: UInt64 = 5

  private let evidence: HintEvidence
  private let span: (since: UInt64, until: UInt64)
  private let clock: WallClock
  private let pingInterval: UInt64?

  /// The hints of a tally; `pingInterval` in microseconds, where the configuration is known.
  package init(_ tally: CloseTally, pingInterval: UInt64? = nil) {
    evidence = tally.evidence
    span = tally.shownSpan
    clock = tally.clock
    self.pingInterval = pingInterval
  }

  /// Each hint as one sentence.
  package var sentences: [String] {
    [
      equalTimes, onePeer, storm, stop, slowPeers, serverCodes, violator, probes,
    ].compactMap(\.self)
  }

  private static func isMost(_ part: UInt64, of whole: UInt64, share: Double) -> Bool {
    whole >= minimumCount && Double(part) >= Double(whole) * share
  }

  // MARK: - Timers in front

  private var equalTimes: String? {
    let lifetimes = evidence.cutLifetimes
    if let band = lifetimes.densest,
      Self.isMost(band.count, of: lifetimes.total, share: Self.bandShare)
    {
      let time = Self.time(band.mean)
      let seen = "\(band.count) of \(lifetimes.total) cut connections lived \(time): "
      if Self.isMost(band.markedCount, of: band.count, share: Self.bandShare) {
        return seen + Self.idleCut(at: time, pingInterval)
      }
      return seen + "something in front ends every connection at that age, busy or not; raise its "
        + "limit, or set max_lifetime below it so that clients are told with a Close frame"
    }
    let idleTimes = evidence.cutIdleTimes
    guard let band = idleTimes.densest,
      Self.isMost(band.count, of: idleTimes.total, share: Self.bandShare)
    else { return nil }
    let time = Self.time(band.mean)
    return "\(band.count) of \(idleTimes.total) cut connections had been silent for \(time): "
      + Self.idleCut(at: time, pingInterval)
  }

  private static func idleCut(at time: String, _ pingInterval: UInt64?) -> String {
    let cut = "something in front cuts idle connections at \(time); "
    guard let pingInterval else { return cut + "set ping_interval below that" }
    if pingInterval == 0 { return cut + "ping_interval is off" }
    return cut + "ping_interval is \(Self.time(pingInterval))"
  }

  /// `60.0 s`, for durations that are compared with settings; from a quarter of an hour, `1h0m`.
  private static func time(_ microseconds: UInt64) -> String {
    guard microseconds < 900_000_000 else { return ElapsedText.of(microseconds: microseconds) }
    let tenths = (microseconds + 50_000) / 100_000
    return "\(tenths / 10).\(tenths % 10) s"
  }

  // MARK: - Who

  private var onePeer: String? {
    if let (peer, counts) = evidence.peers.largest,
      Self.isMost(counts.count, of: evidence.count, share: Self.proxyShare)
    {
      guard counts.abnormalCount >= Self.minimumCount else { return nil }
      return "\(counts.count) of \(evidence.count) closes, clean ones too, are of \(peer): if that "
        + "is a proxy, its log knows the clients and its own timeouts"
    }
    let abnormal = evidence.abnormalCount
    let peer = evidence.peers.groups.max { one, other in
      (one.value.abnormalCount, other.key) < (other.value.abnormalCount, one.key)
    }
    if let peer, Self.isMost(peer.value.abnormalCount, of: abnormal, share: Self.majority) {
      return "\(peer.value.abnormalCount) of \(abnormal) abnormal closes are of one peer, "
        + "\(peer.key): look at that client and its network before anything here"
    }
    guard let (network, counts) = evidence.networks.largest,
      Self.isMost(counts.abnormalCount, of: abnormal, share: Self.majority)
    else { return nil }
    return "\(counts.abnormalCount) of \(abnormal) abnormal closes are of one network, \(network): "
      + "look at the way there before anything here"
  }

  private var violator: String? {
    guard let (agent, count) = evidence.violators.largest,
      Self.isMost(count, of: evidence.violationCount, share: Self.violatorShare)
    else { return nil }
    return "\(count) of \(evidence.violationCount) protocol errors and invalid texts are of the "
      + "client \"\(agent)\": that program, or what it runs through, breaks its frames"
  }

  private var serverCodes: String? {
    let codes = evidence.serverCodes.sorted
    let count = codes.reduce(0) { $0 + $1.count }
    guard count >= Self.minimumOddCount, let code = codes.first?.value else { return nil }
    return "\(count) peers sent a code for servers, such as \(code) "
      + "(\(CloseCode(rawValue: code).name)): a gateway in front closes in the clients' name, and "
      + "its log says why"
  }

  private var probes: String? {
    let count = evidence.probeCount
    guard count >= Self.minimumOddCount,
      Self.isMost(count, of: evidence.abnormalCount, share: Self.majority)
    else { return nil }
    return
      "\(count) of \(evidence.abnormalCount) abnormal closes came before any request: a "
      + "health check or a port scan, not a client; a check that sends a request shows more"
  }

  // MARK: - When

  private var storm: String? {
    let storm = evidence.storm
    guard storm.largestCount >= Self.minimumStormCount, isLong,
      Self.isMost(storm.largestCount, of: storm.total, share: Self.majority)
    else { return nil }
    return
      "\(storm.largestCount) of \(storm.total) closes came within \(StormWindow.length) s from "
      + "\(clock.text(storm.largestStart)): one event ended them, so look at what changed then in "
      + "front of wsrelay and in the network"
  }

  private var stop: String? {
    let stops = evidence.stops
    guard stops.largestCount >= Self.minimumStopCount else { return nil }
    return "a stop or restart closed \(stops.largestCount) connections within "
      + "\(StormWindow.length) s from \(clock.text(stops.largestStart)): a longer spread in "
      + "[drain] keeps the clients from coming back all at once"
  }

  private var isLong: Bool {
    span.until > span.since
      && (span.until - span.since) / 1_000_000 >= StormWindow.length * Self.stormSpanFactor
  }

  // MARK: - What

  private var slowPeers: String? {
    let (part, whole) = (evidence.pongTimeoutUnsentCount, evidence.pongTimeoutCount)
    guard whole >= Self.minimumPongTimeoutCount, Double(part) >= Double(whole) * Self.majority
    else { return nil }
    return "\(part) of \(whole) pong timeouts had bytes unsent: those peers are slow rather than "
      + "dead, since their Ping waited behind those bytes; send them less, or raise ping_timeout"
  }
}
