// What a run has found, as a picture: how latencies are spread, and the throughput over time.

import Glibc

extension Summary {
  /// The measurement as SVG.
  package var svg: String {
    ChartSVG(
      title: "\(measurement.plan.kind.rawValue) \(measurement.plan.target.url)",
      lines: [load] + findings(separator: ", ").prefix(2).map { "\($0.name) \($0.text)" },
      panels: [latencyPanel, throughputPanel]
    ).text
  }

  /// Quantiles on an axis on which each step is a tenth of what lies above the one before: there
  /// the tail, of which users complain, has as much room as the rest.
  private var latencyPanel: ChartPanel {
    let histogram = measurement.latencies
    let decades = max(1.0, min(6.0, log10(Double(max(histogram.count, 1))).rounded(.down)))
    let stepCount = Int(decades) * 24
    var values: [Double] = []
    for step in 0...stepCount {
      let share = 1 - pow(10, -Double(step) / 24)
      values.append(Double(histogram.quantile(share)) / 1e3)
    }
    let axis = ValueAxis(maximum: values.max() ?? 0)
    let ticks = (0...Int(decades)).map { decade in
      ChartPanel.Tick(
        position: Double(decade) / decades,
        label: decade == 0 ? "0 %" : Self.percentText(decade))
    }
    return ChartPanel(
      title: "Latency in µs that this share of all did not exceed",
      horizontal: ticks, vertical: axis.ticks,
      curve: values.enumerated().map { step, value in
        (x: Double(step) / Double(stepCount), y: axis.position(value))
      })
  }

  /// 90 %, 99 %, 99.9 %, and so on.
  private static func percentText(_ decade: Int) -> String {
    let decimals = String(repeating: "9", count: max(0, decade - 2))
    return (decade == 1 ? "90" : "99") + (decimals.isEmpty ? "" : "." + decimals) + " %"
  }

  private var throughputPanel: ChartPanel {
    let samples = measurement.throughput
    let axis = ValueAxis(maximum: samples.map(\.rate).max() ?? 0)
    // The last sample is late by a moment, which must not double the last step of the axis.
    let end = ((samples.last?.time ?? 0) * 10).rounded() / 10
    let time = ValueAxis(maximum: max(end, 0.1))
    return ChartPanel(
      title: measurement.plan.kind == .churn ? "Connections a second" : "Messages a second",
      horizontal: time.ticks.map { .init(position: $0.position, label: $0.label + " s") },
      vertical: axis.ticks,
      curve: samples.map { (x: time.position($0.time), y: axis.position($0.rate)) })
  }
}

/// A linear axis from 0 to a round number.
struct ValueAxis {
  private let step: Double
  private let end: Double

  /// An axis for values up to `maximum`, with about five ticks.
  init(maximum: Double) {
    let raw = max(maximum, 1e-9) / 5
    let magnitude = pow(10, log10(raw).rounded(.down))
    step = [1, 2, 2.5, 5, 10].map { $0 * magnitude }.first { $0 >= raw } ?? raw
    end = (max(maximum, 1e-9) / step).rounded(.up) * step
  }

  func position(_ value: Double) -> Double { min(1, max(0, value / end)) }

  var ticks: [ChartPanel.Tick] {
    (0...Int((end / step).rounded())).map { index in
      let value = Double(index) * step
      let label = step >= 1 ? Figures.count(value) : Figures.fixed(value, step >= 0.1 ? 1 : 3)
      return ChartPanel.Tick(position: position(value), label: label)
    }
  }
}
