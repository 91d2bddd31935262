// What a run has found, for people.

/// A measurement as text.
package struct Summary {
  let measurement: LoadMeasurement
  private var plan: LoadPlan { measurement.plan }

  package init(_ measurement: LoadMeasurement) { self.measurement = measurement }

  /// The quantiles that are shown.
  static let quantiles: [(name: String, share: Double)] = [
    ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999),
  ]

  /// Some lines: what was done, what came of it, what it cost, what was wrong.
  package var text: String {
    var lines = [heading]
    if measurement.seconds > 0 {
      lines += findings().map(row)
      if measurement.clientCPU > 0 && plan.kind != .idle { lines.append(clientLine) }
      if let line = serverLine { lines.append(line) }
    }
    if measurement.isInterrupted { lines.append(row("stopped", "before its time")) }
    lines += verdict
    return lines.joined(separator: "\n") + "\n"
  }

  private func row(_ name: String, _ text: String) -> String {
    "  " + name + String(repeating: " ", count: max(1, 11 - name.count)) + text
  }

  private var heading: String { "\(plan.kind.rawValue) \(plan.target.url): \(load)" }

  /// How the server was loaded.
  var load: String {
    var parts = [
      plan.kind == .broadcast
        ? "\(plan.publisherCount) publishing, "
          + "\(plan.connectionCount - plan.publisherCount) subscribed"
        : "\(plan.connectionCount) connections"
    ]
    if !plan.messages.isEmpty {
      let sizes = plan.messages.map(\.count)
      let (least, most) = (sizes.min() ?? 0, sizes.max() ?? 0)
      let size = least == most ? "\(most) B" : "\(least)-\(most) B"
      parts.append(
        "\(size) \(plan.isText ? "text" : "binary")\(plan.offersDeflate ? " deflated" : "")")
    }
    if let rate = plan.rate {
      parts.append("\(Figures.count(rate)) messages/s due")
    } else if plan.kind == .echo || plan.kind == .broadcast {
      parts.append("\(plan.depth) in flight")
    }
    if plan.threadCount > 1 { parts.append("\(plan.threadCount) threads") }
    return parts.joined(separator: ", ")
  }

  private var unit: String {
    switch plan.kind {
    case .churn, .idle: "connection"
    case .broadcast: "delivery"
    case .echo, .latency: "message"
    }
  }

  private var units: String { plan.kind == .broadcast ? "deliveries" : unit + "s" }

  /// What came of the load, each with its name; `separator` stands between quantiles.
  func findings(separator: String = "  ") -> [(name: String, text: String)] {
    let opening = ("opening", quantiles(measurement.openings, separator))
    if plan.kind == .idle {
      return [("open", "\(measurement.openCount) connections at the end"), opening]
    }
    let rate = "\(Figures.count(measurement.rate)) \(units)/s"
    let bytes = plan.kind == .churn ? "" : ", \(Figures.bytes(measurement.byteRate))/s of payload"
    return [
      ("rate", "\(rate)\(bytes), over \(Figures.fixed(measurement.seconds, 1)) s"),
      (
        plan.kind == .churn ? "lifetime" : "latency",
        quantiles(measurement.latencies, separator)
      ),
      opening,
    ]
  }

  /// Those that stand on something, and the maximum.
  private func quantiles(_ histogram: LatencyHistogram, _ separator: String) -> String {
    guard histogram.count > 0 else { return "none" }
    // A quantile that stands on less than one latency would only say the maximum again.
    let shown = Self.quantiles.filter { Double(histogram.count) * (1 - $0.share) >= 1 }
    return
      (shown.map { "\($0.name) \(Figures.time(histogram.quantile($0.share)))" }
      + ["max \(Figures.time(histogram.maximum))"]).joined(separator: separator)
  }

  private var clientLine: String {
    let share = measurement.clientCPU / measurement.seconds * 100
    let cost = measurement.clientCost.map { "\(Figures.fixed($0, 3)) µs of CPU a \(unit), " } ?? ""
    let limit =
      measurement.isClientLimited ? ": it had no more, so the rate is not the server's" : ""
    return row("client", "\(cost)\(Figures.fixed(share, 0)) % of a CPU\(limit)")
  }

  private var serverLine: String? {
    guard let cpu = measurement.serverCPU, let memory = measurement.serverMemory else { return nil }
    var parts: [String] = []
    if let cost = measurement.serverCost, plan.kind != .idle {
      parts.append("\(Figures.fixed(cost, 3)) µs of CPU a \(unit)")
    }
    parts.append("\(Figures.fixed(cpu / measurement.seconds * 100, 1)) % of a CPU")
    parts.append("\(Figures.bytes(Double(memory.after))) resident")
    if let each = memoryPerConnection { parts.append("\(Figures.count(each)) B a connection") }
    return row("server", parts.joined(separator: ", "))
  }

  /// What the server's memory grew by for each connection, in bytes; nil: not measured.
  var memoryPerConnection: Double? {
    guard plan.kind == .idle, let memory = measurement.serverMemory, measurement.openCount > 0
    else { return nil }
    return Double(memory.after - memory.before) / Double(measurement.openCount)
  }

  private var verdict: [String] {
    if measurement.faults.count == 0 && measurement.seconds == 0 { return [] }
    if measurement.faults.count > 0 {
      return measurement.faults.entries.map { entry in
        row("WRONG", "\(entry.count) × \(entry.kind.rawValue): \(entry.first)")
      }
    }
    switch plan.kind {
    case .idle: return [row("verified", "every connection stayed open")]
    case .churn: return [row("verified", "every reply and every closing handshake")]
    default: return [row("verified", "every byte, and the order of the messages")]
    }
  }
}
