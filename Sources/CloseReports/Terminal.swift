// What the place where a report goes can show.

import Glibc

/// Facts about the terminal, as the environment has them.
package struct Terminal: Sendable, Equatable {
  /// Whether lines may have colours.
  package let showsColor: Bool
  /// Which bars a sparkline has.
  package let bars: Sparkline.Style

  /// What standard output can show.
  package static var standardOutput: Terminal {
    Terminal(isTerminal: isatty(STDOUT_FILENO) == 1) { name in
      getenv(name).map { String(cString: $0) }
    }
  }

  /// What a terminal can show, or what is not one, in this environment.
  package init(isTerminal: Bool, environment: (String) -> String?) {
    func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    showsColor = isTerminal && value("NO_COLOR") == nil && value("TERM") != "dumb"
    // The order in which the C library looks for the locale of characters.
    let locale = value("LC_ALL") ?? value("LC_CTYPE") ?? value("LANG") ?? "C"
    let name = locale.lowercased()
    bars = name.contains("utf-8") || name.contains("utf8") ? .blocks : .ascii
  }
}
