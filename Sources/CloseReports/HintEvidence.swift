// What the hints are drawn from, counted while the entries pass by. What each of them needs is a
// few numbers; none of it depends on how the table is grouped.

import RelayCore

/// Counts that may turn into advice.
package struct HintEvidence: Sendable {
  /// The closes of one peer or network.
  struct PeerCounts: Counted {
    var count: UInt64 = 0
    var abnormalCount: UInt64 = 0
  }

  /// Enough to see who has most, few enough to sit in a cache.
  private static let maximumPeerCount = 2048
  private static let maximumUserAgentCount = 256

  private(set) var count: UInt64 = 0
  /// Closes that were not clean, and that no operator asked for.
  private(set) var abnormalCount: UInt64 = 0
  private(set) var peers = BoundedGroups<PeerCounts>(capacity: maximumPeerCount)
  private(set) var networks = BoundedGroups<PeerCounts>(capacity: maximumPeerCount)

  /// How long open connections had lived that were ended at TCP's level; marked are those that had
  /// been silent for nearly all of it.
  private(set) var cutLifetimes = NarrowBand()
  /// How long they had been silent.
  private(set) var cutIdleTimes = NarrowBand()
  /// Connections that came and went without a request.
  private(set) var probeCount: UInt64 = 0

  /// When closes came that nobody here asked for.
  private(set) var storm = StormWindow()
  /// When closes came because wsrelay stopped or restarted.
  private(set) var stops = StormWindow()

  private(set) var pongTimeoutCount: UInt64 = 0
  private(set) var pongTimeoutUnsentCount: UInt64 = 0
  /// Codes received that only a server has a use for.
  private(set) var serverCodes = FewCounts<UInt16>()
  /// Who broke the rules of the protocol.
  private(set) var violators = BoundedGroups<UInt64>(capacity: maximumUserAgentCount)
  private(set) var violationCount: UInt64 = 0

  /// Nothing seen yet.
  init() {}

  /// A connection was silent for nearly all its life if it was for this share of it.
  private static let silentShare = 0.95

  /// Takes what a close shows.
  mutating func add(_ entry: CloseEntry) {
    count += 1
    let cause = Self.causes[entry.cause]
    let isAbnormal = entry.isClean == false && cause?.initiator != .operator
    if isAbnormal { abnormalCount += 1 }
    addPeer(entry.peer, isAbnormal: isAbnormal)
    switch cause {
    case .drain, .restart: stops.add(entry.time)
    case .kick, .routeRemoved: break
    default: storm.add(entry.time)
    }
    switch cause {
    case .peerFin, .peerReset, .networkTimeout: addCut(entry)
    case .pongTimeout:
      pongTimeoutCount += 1
      if entry.unsentByteCount ?? 0 > 0 { pongTimeoutUnsentCount += 1 }
    case .protocolError, .invalidUTF8, .invalidDeflate:
      violationCount += 1
      if !entry.userAgent.isEmpty { violators.update(entry.userAgent, initial: 0) { $0 += 1 } }
    default: break
    }
    // 1012 to 1014 tell of a service that restarts, is overloaded, or is a gateway (IANA).
    if let code = entry.codeReceived, (1012...1014).contains(code) { serverCodes.add(code) }
  }

  /// Looking up a word is much faster than comparing it with each cause.
  private static let causes = Dictionary(
    uniqueKeysWithValues: CloseCause.allCases.map { ($0.slug, $0) })

  private mutating func addPeer(_ peer: String, isAbnormal: Bool) {
    guard !peer.isEmpty, peer != PeerAddress.unix.host else { return }
    let change = { (counts: inout PeerCounts) in
      counts.count += 1
      if isAbnormal { counts.abnormalCount += 1 }
    }
    peers.update(peer, initial: PeerCounts(), change)
    if isAbnormal, let network = PeerNetwork.name(of: peer) {
      networks.update(network, initial: PeerCounts(), change)
    }
  }

  private mutating func addCut(_ entry: CloseEntry) {
    if entry.phase == ConnectionPhase.handshake.rawValue {
      probeCount += 1
      return
    }
    guard let lifetime = entry.lifetime else { return }
    let idle = entry.idle ?? 0
    cutLifetimes.add(lifetime, isMarked: Double(idle) >= Double(lifetime) * Self.silentShare)
    cutIdleTimes.add(idle)
  }
}
