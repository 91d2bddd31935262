// What all shards of a relay count together: open connections, in all and by route. Atomics,
// touched when connections come and go, never per message.

import Synchronization

/// How many connections there are of one kind, over all shards.
public final class Occupancy: Sendable {
  private let current = Atomic<Int>(0)

  /// Starts at 0, before there are any connections of the kind.
  public init() {}

  /// How many there are now; other workers may change it at any time.
  public var count: Int { current.load(ordering: .relaxed) }

  /// Counts one more unless there are `maximum` already; 0: no maximum.
  func enter(maximum: Int) -> Bool {
    let before = current.add(1, ordering: .relaxed).oldValue
    if maximum > 0 && before >= maximum {
      current.subtract(1, ordering: .relaxed)
      return false
    }
    return true
  }

  func leave() { current.subtract(1, ordering: .relaxed) }

  /// By peer, of those that were counted so.
  private let byPeer = Mutex<[Network: Int]>([:])

  /// Counts one more of a peer unless there are `maximum` already.
  func enter(_ peer: Network, maximum: Int) -> Bool {
    byPeer.withLock { counts in
      let count = counts[peer, default: 0]
      if count >= maximum { return false }
      counts[peer] = count + 1
      return true
    }
  }

  func leave(_ peer: Network) {
    byPeer.withLock { counts in
      let count = counts[peer, default: 1] - 1
      counts[peer] = count > 0 ? count : nil
    }
  }
}

/// The counts and bounds that all shards share.
public final class SharedRelayState: Sendable {
  private let maximumOpenCount: Atomic<Int>
  private let maximumHeldByteCount: Atomic<Int>
  private let shardCount: Int
  /// Connections past their opening handshake.
  public let open = Occupancy()
  private let byPattern = Mutex<[RoutePattern: Occupancy]>([:])

  /// Made once for a relay and given to each of its shards, of which there are `shardCount`.
  public init(limits: Limits, shardCount: Int = 1) {
    maximumOpenCount = Atomic(limits.maximumConnectionCount)
    maximumHeldByteCount = Atomic(limits.maximumHeldByteCount)
    self.shardCount = max(shardCount, 1)
  }

  /// Puts other limits in force; shards take their share of memory from here when they reload.
  public func adopt(_ limits: Limits) {
    maximumOpenCount.store(limits.maximumConnectionCount, ordering: .relaxed)
    maximumHeldByteCount.store(limits.maximumHeldByteCount, ordering: .relaxed)
  }

  /// How many connections may be open in all.
  public var maximumConnectionCount: Int { maximumOpenCount.load(ordering: .relaxed) }

  /// The share of one shard in `Limits.maximumHeldByteCount`.
  var maximumHeldByteCountOfShard: Int {
    maximumHeldByteCount.load(ordering: .relaxed) / shardCount
  }

  /// The count of each route; a pattern keeps its count over reloads.
  func occupancies(for table: RouteTable) -> [Occupancy] {
    byPattern.withLock { known in
      table.routes.map { route in
        if let occupancy = known[route.pattern] { return occupancy }
        let occupancy = Occupancy()
        known[route.pattern] = occupancy
        return occupancy
      }
    }
  }
}
