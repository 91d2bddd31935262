// A restart of the tested shard: its sessions go on in another one, with nothing of the first but
// what was written down.

import RelayCore

/// What one process leaves to the next.
package struct CoreHandover {
  package var listenerCount: Int
  package var records: [(bytes: [UInt8], socket: Int32)] = []

  package init(listenerCount: Int) { self.listenerCount = listenerCount }
}

extension CoreDriver {
  /// What a restart at this moment would hand over; the shard goes on.
  package func export() -> CoreHandover {
    var handover = CoreHandover(listenerCount: shard.listenerNames.count)
    shard.exportSessions { handover.records.append((bytes: $0, socket: $1)) }
    return handover
  }

  /// Restarts: all sessions move to a new shard, with other routes if they are given.
  @discardableResult
  package func restart(
    routes newRoutes: [Route]? = nil, after gap: Duration = .milliseconds(100),
    _ change: (inout CoreHandover) -> Void = { _ in }
  ) -> [AdoptionResult] {
    turn { shard.endDeparture() }
    var handover = export()
    leave()
    change(&handover)
    now = now + gap.wholeMicroseconds
    formerCounters.acceptedCount -= handover.records.count
    return adopt(handover, routes: newRoutes ?? routes)
  }

  /// The first shard lets go of everything.
  private func leave() {
    recording.isHandedOver = true
    turn { shard.forgetSessions() }
    recording.isHandedOver = false
    formerCounters.add(shard.counters)
    if shard.sessionCount != 0 || shard.lentBlockCount != 0 || shard.channelCount != 0 {
      recording.noteMisuse("something is left of the shard before")
    }
  }

  /// A new shard takes up what was handed over.
  package func adopt(_ handover: CoreHandover, routes newRoutes: [Route]) -> [AdoptionResult] {
    routes = newRoutes
    shard = Shard(
      transport: RecordingTransport(recording), routes: RouteTable(routes), listeners: listeners,
      shared: SharedRelayState(limits: limits), firstConnectionID: 1 << 32, now: now)
    shard.beginTurn(now)
    var places = shard.beginAdoption(
      listeners: Array(0..<handover.listenerCount), policies: listeners)
    let results = handover.records.map { record in
      record.bytes.withUnsafeBytes { bytes in
        shard.adopt(bytes, on: record.socket, from: .unix, &places)
      }
    }
    shard.endTurn()
    for peer in peers where !peer.socket.isClosed {
      peer.session = peer.socket.session?.assumingMemoryBound(to: Session.self)
    }
    settle()
    return results
  }
}
