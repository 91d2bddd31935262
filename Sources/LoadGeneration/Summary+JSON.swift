// What a run has found, for programs: one object on one line. Keys end in their unit.

extension Summary {
  /// The measurement as JSON.
  package var json: JSONText {
    let plan = measurement.plan
    return .object([
      ("kind", .string(plan.kind.rawValue)), ("url", .string(plan.target.url)),
      ("connections", .integer(plan.connectionCount)),
      ("publishers", plan.kind == .broadcast ? .integer(plan.publisherCount) : .null),
      ("in_flight", plan.rate == nil ? .integer(plan.depth) : .null),
      ("due_per_s", plan.rate.map(JSONText.number) ?? .null),
      ("text", .bool(plan.isText)), ("deflate", .bool(plan.offersDeflate)),
      ("threads", .integer(plan.threadCount)),
      ("seconds", .number(measurement.seconds)),
      ("messages", .integer(measurement.messageCount)),
      ("messages_per_s", .number(measurement.rate)),
      ("payload_bytes_per_s", .number(measurement.byteRate)),
      ("latency_us", Self.json(measurement.latencies)),
      ("opening_us", Self.json(measurement.openings)),
      ("open_at_end", .integer(measurement.openCount)),
      ("client_cpu_us_per_message", measurement.clientCost.map(JSONText.number) ?? .null),
      ("client_cpu_s", .number(measurement.clientCPU)),
      ("client_limited", .bool(measurement.isClientLimited)),
      ("server", server),
      ("interrupted", .bool(measurement.isInterrupted)),
      ("faults", .integer(measurement.faults.count)),
      ("fault_kinds", .object(faults)),
    ])
  }

  private var server: JSONText {
    guard let memory = measurement.serverMemory else { return .null }
    return .object([
      ("cpu_us_per_message", measurement.serverCost.map(JSONText.number) ?? .null),
      ("cpu_s", measurement.serverCPU.map(JSONText.number) ?? .null),
      ("rss_before_bytes", .integer(memory.before)), ("rss_bytes", .integer(memory.after)),
      ("bytes_per_connection", memoryPerConnection.map(JSONText.number) ?? .null),
    ])
  }

  private var faults: [(String, JSONText)] {
    measurement.faults.entries.map { entry in
      let fault = JSONText.object([
        ("count", .integer(entry.count)), ("first", .string(entry.first)),
      ])
      return (entry.kind.rawValue, fault)
    }
  }

  private static func json(_ histogram: LatencyHistogram) -> JSONText {
    guard histogram.count > 0 else { return .null }
    func microseconds(_ value: UInt64) -> JSONText { .number(Double(value) / 1000) }
    return .object(
      [
        ("count", .integer(Int(clamping: histogram.count))),
        ("min", microseconds(histogram.minimum)),
      ]
        + quantiles.map { ($0.name, microseconds(histogram.quantile($0.share))) }
        + [("max", microseconds(histogram.maximum))])
  }
}
