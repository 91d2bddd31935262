// Live connections on their way from one process to the next: out of the engine that ends, and into
// the one that starts.

import Glibc
import RelayCore

extension Engine {
  /// How long the workers have to stop and to write down their sessions.
  private static let handoverTimeout = Duration.seconds(5)

  /// Closes the connections that no other process can go on with, those behind TLS, spread over a
  /// time, and accepts none of them any more. `isOver` is asked again and again until it is true or
  /// all have left; it may take its time.
  package func depart(spread: Duration, isOver: () -> Bool) {
    guard listeners.contains(where: { $0.tls != nil }), let bell = try? Bell() else { return }
    let probe = Probe(workerCount: workerCount) { bell.ring() }
    for (index, mailbox) in exchange.mailboxes.enumerated()
    where !mailbox.post(.depart(probe, spread: spread)) {
      probe.answer(index)
    }
    while !bell.wait(.milliseconds(100)) && !isOver() {}
  }

  /// Stops all workers between two turns and packs up their sessions and the listeners. After it,
  /// `leave` or `resume` must follow, also after an error: nobody is served until then.
  /// `withListeners`: without them, the next process has to open its own, and connection attempts
  /// between are refused.
  package func handOver(program: String, withListeners: Bool = true)
    throws(SystemCallError) -> HandoverParcel
  {
    let pausedAt = MonotonicClock.now()
    let request = try HandoverRequest(exchange)
    for mailbox in exchange.mailboxes { mailbox.post(.pause(request)) }
    guard let (listenerNames, parts) = request.wait(Self.handoverTimeout) else {
      throw SystemCallError("poll", errno: ETIMEDOUT, subject: "workers, for their sessions")
    }
    var header = HandoverHeader()
    header.program = program
    header.pausedAt = pausedAt
    header.listenerNames = listenerNames
    let listeners = withListeners ? self.listeners : []
    header.listeners = listeners.map(\.address)
    return try HandoverParcel.pack(header, parts, listeners: listeners.map(\.descriptor))
  }

  /// Ends the workers without a word to their connections: another process has them, and the
  /// listeners that were handed over.
  package func leave() {
    for listener in listeners { listener.leave() }
    for mailbox in exchange.mailboxes { mailbox.post(.leave) }
  }

  /// Goes on as if nothing had been.
  package func resume() {
    for mailbox in exchange.mailboxes { mailbox.post(.resume) }
  }

  /// Takes the listeners that were handed over: those that are wanted are to be opened, the others
  /// stand among those in force until then, as after a reload.
  static func takeListeners(_ settings: EngineSettings, in state: inout State) {
    guard let handedOver = settings.arrival?.listeners else { return }
    let wanted = Set(settings.listeners.map(\.address))
    for (address, descriptor) in handedOver {
      if case .inherited(let name) = address, settings.inheritedSockets[name] != nil {
        // The service manager has passed this one on itself.
        Glibc.close(descriptor)
      } else if wanted.contains(address) {
        state.handedOver[address] = descriptor
      } else {
        let listener = EngineSettings.Listener(address: address, policy: ListenerPolicy(name: ""))
        let left = ListeningSocket.takeOver(descriptor, listener, index: 0)
        if let left { state.listeners.append(left) }
      }
    }
  }

  /// Puts each worker's share of what arrived into its mailbox, before the worker runs.
  static func share(
    _ arrival: HandoverArrival, in state: inout State, _ exchange: Exchange,
    completion: @escaping @Sendable (AdoptionSummary) -> Void
  ) {
    let count = exchange.workerCount
    let report = AdoptionReport(arrival, workerCount: count, completion: completion)
    var known: [String: Int] = [:]
    for (address, index) in state.indices { known[address.description] = index }
    var removed: [ListenerPolicy] = []
    let indices = arrival.header.listenerNames.map { name -> Int in
      if let index = known[name] { return index }
      // Their sessions remember a listener that is no more.
      let index = state.indices.count + removed.count
      if index >= ListeningSocket.maximumCount { return 0 }
      removed.append(ListenerPolicy(name: name))
      known[name] = index
      return index
    }
    state.reservedCount = removed.count
    for (worker, mailbox) in exchange.mailboxes.enumerated() {
      let share = AdoptionShare(
        arrival: arrival, indices: stride(from: worker, to: arrival.connectionCount, by: count),
        listenerIndices: indices, removedPolicies: removed, report: report)
      mailbox.post(.adopt(share))
    }
  }
}
