// The five kinds of load as commands: each adds its own options to those that all have.

import Getopt
import LoadGeneration

/// A command that makes a run.
protocol LoadCommand: Command {
  var options: LoadOptions { get }
}

extension LoadCommand {
  static var maximumOperandCount: Int { 1 }

  func run() throws -> Int32 { try options.run() }
}

struct Echo: LoadCommand {
  static let name = "echo"
  static let options = LoadOptions.all + LoadOptions.messages + [LoadOptions.depth]
  static let help = """
    Usage: wsrelay-bench echo [OPTION]... URL

    Keeps so many messages in flight on each connection; the next one leaves when a reply has come.
    Every reply is compared with what was sent.

    Options:
      -d, --depth N         Messages in flight on each connection. Default: 1.
    \(LoadOptions.messagesHelp)
    \(LoadOptions.help)

    """

  let options: LoadOptions

  init(_ arguments: ParsedArguments) throws(UsageError) {
    options = try LoadOptions(.echo, arguments)
  }
}

struct Broadcast: LoadCommand {
  static let name = "broadcast"
  static let options =
    LoadOptions.all.filter { $0 != LoadOptions.connections } + LoadOptions.messages
    + [LoadOptions.depth, LoadOptions.publishers, LoadOptions.subscribers, LoadOptions.rate]
  static let help = """
    Usage: wsrelay-bench broadcast [OPTION]... URL

    Publishers send on a path on which everybody receives everything. Each delivery is checked for
    order, gaps, repetition and content; messages have 21 bytes or more, to say what they are.

    Options:
      -p, --publishers N    Connections that send, and receive. Default: 1.
      -n, --subscribers N   Connections that only receive. Default: 100.
      -d, --depth N         Messages of each publisher that are on their way. Default: 1.
      --rate N              Instead: so many messages a second in all, on time.
    \(LoadOptions.messagesHelp)
    \(LoadOptions.help(without: LoadOptions.connections))

    """

  let options: LoadOptions

  init(_ arguments: ParsedArguments) throws(UsageError) {
    options = try LoadOptions(.broadcast, arguments)
  }
}

struct Latency: LoadCommand {
  static let name = "latency"
  static let options = LoadOptions.all + LoadOptions.messages + [LoadOptions.rate]
  static let help = """
    Usage: wsrelay-bench latency --rate N [OPTION]... URL

    Sends at a fixed rate, on time whatever the server does, and takes each latency from when its
    message was due: a server that stalls cannot hide it. Every reply is compared with what was
    sent.

    Options:
      --rate N              Messages a second in all.
    \(LoadOptions.messagesHelp)
    \(LoadOptions.help)

    """

  let options: LoadOptions

  init(_ arguments: ParsedArguments) throws(UsageError) {
    if arguments.value(of: LoadOptions.rate) == nil {
      throw UsageError("latency needs a rate: --rate N")
    }
    options = try LoadOptions(.latency, arguments)
  }
}

struct Idle: LoadCommand {
  static let name = "idle"
  static let options = LoadOptions.all
  static let help = """
    Usage: wsrelay-bench idle [OPTION]... URL

    Opens connections and holds them. With --server-pid it says what memory each of them costs.

    Options:
    \(LoadOptions.help)

    """

  let options: LoadOptions

  init(_ arguments: ParsedArguments) throws(UsageError) {
    options = try LoadOptions(.idle, arguments)
  }
}

struct Churn: LoadCommand {
  static let name = "churn"
  static let options = LoadOptions.all + LoadOptions.messages
  static let help = """
    Usage: wsrelay-bench churn [OPTION]... URL

    Opens connections, has one message echoed on each, closes it and waits for the server's end of
    TCP; as many at a time as there are connections.

    Options:
    \(LoadOptions.messagesHelp)
    \(LoadOptions.help)

    """

  let options: LoadOptions

  init(_ arguments: ParsedArguments) throws(UsageError) {
    options = try LoadOptions(.churn, arguments)
  }
}
