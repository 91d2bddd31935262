// One line of a terminal that says how a run gets on, written over and over; nothing where standard
// error is no terminal.

import Glibc

/// The live line.
package struct ProgressLine: LoadObserver, Sendable {
  private let isShown: Bool
  private let duration: Double

  /// For a run that is measured so long.
  package init(_ duration: Duration, isTerminal: Bool = isatty(STDERR_FILENO) == 1) {
    self.duration = Double(duration.nanoseconds) / 1e9
    isShown = isTerminal
  }

  package func opening(_ openCount: Int, of connectionCount: Int) {
    show("opening connections: \(openCount) of \(connectionCount)")
  }

  package func running(seconds: Double, rate: Double, faultCount: Int) {
    let time = "\(Figures.fixed(seconds, 1)) of \(Figures.short(duration)) s"
    let faults = faultCount > 0 ? ", \(faultCount) WRONG" : ""
    show("\(time): \(Figures.count(rate))/s\(faults)")
  }

  /// Takes the line away.
  package func clear() { show("") }

  private func show(_ text: String) {
    guard isShown else { return }
    // To the beginning, the text, and away with the rest of what was there.
    var line = "\r\(text)\u{1B}[K"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
