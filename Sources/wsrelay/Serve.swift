// `wsrelay serve`: the daemon itself.

import Getopt
import RelayDaemon

struct Serve: Command {
  static let name = "serve"
  static let options = ConfigurationOptions.all
  static let help = """
    Usage: wsrelay [serve] [--config FILE] [--listen ADDRESS]... [--log-level LEVEL]

    Run the relay (the default).

    Signals: TERM and INT drain and stop, a second one stops at once; HUP reloads the
    configuration; USR1 logs counters; USR2 becomes the program that is now in its place, and
    keeps every connection.

    Options:
    \(ConfigurationOptions.help)

    Exit codes: 0 stopped as asked; 64 usage; 69 cannot listen; 71 the system refused;
    77 permission; 78 configuration.

    """

  private let source: ConfigurationSource

  init(_ arguments: ParsedArguments) { source = ConfigurationOptions.source(arguments) }

  func run() -> Int32 { Daemon.run(source).rawValue }
}
