// A worker's part in a hand-over: it stops at the end of a turn, writes its sessions down, and ends
// or goes on; or it begins with sessions that were written down elsewhere.

import CLinux
import Glibc
import RelayCore

extension Worker {
  /// Closes those who cannot be handed over, and goes on serving the others.
  mutating func depart(_ probe: Probe, spread: Duration) {
    departure = probe
    restsSecureListeners = true
    if acceptPausedUntil == nil {
      for listener in listeners where listener.tls != nil { poller.remove(listener.descriptor) }
    }
    shard.beginDeparture(spread: spread)
  }

  mutating func continueDeparture() {
    shard.continueDeparture()
    if shard.transport.secure.count > 0 { return }
    departure?.answer(index)
    departure = nil
  }

  /// The hand-over has failed: everything is as it was before.
  mutating func resume() {
    handover = nil
    departure = nil
    shard.cancelDeparture()
    guard restsSecureListeners else { return }
    restsSecureListeners = false
    if acceptPausedUntil == nil { watchAgain(listeners.filter { $0.tls != nil }) }
  }

  /// Serves nobody until the hand-over has succeeded or failed, but takes what others post.
  mutating func pause(_ request: HandoverRequest) {
    shard.endDeparture()
    endTurn()
    request.paused()
    // Another hand-over may follow at once when this one has failed: that one has to be answered.
    while handover === request && !isStopped {
      mailbox.waitForMessages()
      beginTurn()
      readMailbox()
      endTurn()
    }
  }

  /// Writes down all sessions; what was posted before is done.
  mutating func export(_ request: HandoverRequest) {
    endTurn()
    var part = HandoverParcel.Part()
    shard.exportSessions { record, socket in
      HandoverRecordFrame.append(record, to: &part.records)
      part.sockets.append(socket)
    }
    request.exported(part, shard.listenerNames)
  }

  /// Another process has the sessions.
  mutating func leave() {
    shard.forgetSessions()
    isStopped = true
  }

  /// Takes up the sessions of a share.
  mutating func adopt(_ share: AdoptionShare) {
    policies = Self.policies(listeners, over: policies) + share.removedPolicies
    var places = shard.beginAdoption(listeners: share.listenerIndices, policies: policies)
    var (adoptedCount, closedCount) = (0, 0)
    share.arrival.state.withUnsafeBytes { state in
      for index in share.indices {
        let (socket, range) = share.arrival.connections[index]
        exchange.keep(self.index)
        let record = range.map { UnsafeRawBufferPointer(rebasing: state[$0]) }
        let result = shard.adopt(record, on: socket, from: PeerAddress(ofSocket: socket), &places)
        if result == .adopted { adoptedCount += 1 } else { closedCount += 1 }
      }
    }
    share.report.add(adopted: adoptedCount, closed: closedCount)
  }
}

extension PeerAddress {
  /// Who is at the other end of a socket, as far as the kernel still knows.
  fileprivate init(ofSocket socket: Int32) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = withUnsafeMutableBytes(of: &storage) {
      getpeername(socket, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
    self.init(storage)
  }
}
