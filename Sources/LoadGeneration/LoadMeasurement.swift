// What a run has found, as a value. How it is shown is in Summary.

/// The state of a run at one moment.
struct Snapshot: Sendable {
  /// In nanoseconds.
  var time: UInt64 = 0
  var messageCount = 0
  var payloadByteCount = 0
  /// CPU time of this process, in nanoseconds.
  var clientCPU: UInt64 = 0
  var server: ServerMeter.Reading?
}

/// Messages in a slice of time.
package struct ThroughputSample: Sendable, Equatable {
  /// Its end, in seconds from the beginning of the measurement.
  package var time: Double
  /// Messages a second.
  package var rate: Double
}

/// What was measured.
package struct LoadMeasurement: Sendable {
  package var plan: LoadPlan
  /// How long was measured, in seconds.
  package var seconds = 0.0
  package var messageCount = 0
  package var payloadByteCount = 0
  package var latencies = LatencyHistogram()
  package var openings = LatencyHistogram()
  package var openCount = 0
  package var throughput: [ThroughputSample] = []
  package var faults = Faults()
  /// CPU seconds of this process.
  package var clientCPU = 0.0
  /// CPU seconds of the server; nil: not asked for.
  package var serverCPU: Double?
  /// The server's memory before the first connection and at the end of the measurement.
  package var serverMemory: (before: Int, after: Int)?
  /// Whether somebody ended it before its time.
  package var isInterrupted = false

  package init(plan: LoadPlan) { self.plan = plan }

  /// Messages a second, or connections in `churn`.
  package var rate: Double { seconds > 0 ? Double(messageCount) / seconds : 0 }

  /// Payload in one direction, in bytes a second.
  package var byteRate: Double { seconds > 0 ? Double(payloadByteCount) / seconds : 0 }

  /// In microseconds a message; nil: there were none.
  package var clientCost: Double? { cost(clientCPU) }
  package var serverCost: Double? { serverCPU.flatMap(cost) }

  private func cost(_ cpu: Double) -> Double? {
    messageCount > 0 ? cpu * 1e6 / Double(messageCount) : nil
  }

  /// Whether this process had no CPU left: then the rate says nothing about the server.
  package var isClientLimited: Bool {
    seconds > 0 && clientCPU / seconds > 0.95 * Double(plan.threadCount)
  }
}
