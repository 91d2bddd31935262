// The command. What it does is in RelayDaemon; here is only what an operator types.

import Getopt
import Glibc
import RelayCore

@main
enum WSRelay {
  static let program = Program(
    name: "wsrelay",
    version: Version.current,
    help: """
      Usage: wsrelay [COMMAND] [OPTION]...

      A WebSocket relay that tells why every connection closed. It echoes or broadcasts by route,
      enforces idle timeouts, and writes one journal entry for every connection that ends, with
      its close code and its cause.

      Without a configuration file it serves /echo, /broadcast and /room/{name} on
      127.0.0.1:8080.

      Commands:
        serve       Run the relay (the default).
        check       Check the configuration; `wsrelay -t` does the same.
        closes      Tell from the journal what has been ending connections.
        kick        Close one connection.
        explain     Say what a close code or cause means, and what to do about it.

      Options:
        -h, --help  Show this, or the help of a command: `wsrelay check --help`.
        --version   Show the version.

      See wsrelay(8) and wsrelay.conf(5).

      """,
    commands: [Serve.self, Check.self, Closes.self, Kick.self, Explain.self],
    standard: Serve.self,
    // As other daemons have it.
    aliases: ["-t": Check.name])

  static func main() {
    exit(program.run(Array(CommandLine.arguments.dropFirst())))
  }
}
