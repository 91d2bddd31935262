// The command. What it does is in LoadGeneration; here is only what somebody types.

import Getopt
import Glibc
import RelayCore

@main
enum Bench {
  static let program = Program(
    name: "wsrelay-bench",
    version: Version.current,
    help: """
      Usage: wsrelay-bench COMMAND [OPTION]... ws://HOST[:PORT][/PATH]

      Loads a WebSocket server, any one, and tells what it delivers and what that costs. Everything
      that comes back is verified; the exit code is 1 where anything was wrong.

      Commands:
        echo        Messages that the server sends back, so many in flight on each connection.
        broadcast   Publishers and subscribers on one path; everybody gets everything.
        latency     Messages at a fixed rate, on time whatever the server does.
        idle        Connections that do nothing.
        churn       Connect, one message and its reply, close; again.

      Options:
        -h, --help  Show this, or the help of a command: `wsrelay-bench echo --help`.
        --version   Show the version.

      See wsrelay-bench(1).

      """,
    commands: [Echo.self, Broadcast.self, Latency.self, Idle.self, Churn.self])

  static func main() {
    exit(program.run(Array(CommandLine.arguments.dropFirst())))
  }
}
