// The command. What it does is in RelayDaemon; here is only what an operator types.

import ArgumentParser
import RelayConfiguration
import RelayDaemon

@main
struct WSRelay: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wsrelay",
    abstract: "A WebSocket relay that tells why every connection closed.",
    discussion: """
      Echoes or broadcasts by route, enforces idle timeouts, and writes one journal entry for every
      connection that ends, with its close code and its cause.

      Without a configuration file it serves /echo, /broadcast and /room/{name} on 127.0.0.1:8080.
      See wsrelay(8) and wsrelay.conf(5).
      """,
    version: "wsrelay \(Version.current)",
    subcommands: [Serve.self, Check.self, Closes.self, Explain.self],
    defaultSubcommand: Serve.self)

  /// `-t`, as other daemons have it, is `check`; a subcommand cannot have that name itself.
  static func main() {
    var arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.first == "-t" { arguments[0] = "check" }
    main(arguments)
  }
}

struct ConfigurationOptions: ParsableArguments {
  @Option(
    name: .customLong("config"),
    help: ArgumentHelp(
      "The configuration file. Default: $WSRELAY_CONFIG, else /etc/wsrelay.conf if it exists.",
      valueName: "file"))
  var file: String?

  @Option(
    help: ArgumentHelp(
      "Listen here instead of where the file says: host:port, [v6]:port, *:port, unix:/path or "
        + "systemd:NAME. May be given several times.",
      valueName: "address"))
  var listen: [String] = []

  @Option(
    help: ArgumentHelp("info, or debug for an entry per opened connection.", valueName: "level"))
  var logLevel: String?

  var source: ConfigurationSource {
    ConfigurationSource(file: file, listen: listen, logLevel: logLevel)
  }
}

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the relay (the default).",
    discussion: """
      Signals: TERM and INT drain and stop, a second one stops at once; HUP reloads the
      configuration; USR1 logs counters.

      Exit codes: 0 stopped as asked; 64 usage; 69 cannot listen; 71 the system refused; 77
      permission; 78 configuration.
      """)

  @OptionGroup var options: ConfigurationOptions

  func run() throws {
    let code = Daemon.run(options.source)
    if code != .success { throw ArgumentParser.ExitCode(code.rawValue) }
  }
}

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check the configuration; exit 0 if it is good, 78 after listing every error.",
    discussion: "`wsrelay -t` does the same.")

  @OptionGroup var options: ConfigurationOptions

  @Flag(help: "Print every setting in force, and where it comes from.")
  var printEffective = false

  func run() throws {
    let limit = DescriptorLimit.raise()
    do throws(ConfigurationErrors) {
      let loaded = try options.source.load(descriptorLimit: limit)
      let certificates = try ServerCertificates(loaded, for: .checking)
      for advice in loaded.advice + certificates.advice {
        StandardError.write(advice.rendered + "\n")
      }
      if printEffective {
        print(loaded.effectiveText(location: options.source.location), terminator: "")
      } else {
        let origin =
          options.source.isBuiltIn ? "built-in defaults" : options.source.location.path
        print("\(origin): good")
      }
    } catch {
      StandardError.writeError(error.rendered)
      throw ArgumentParser.ExitCode(RelayDaemon.ExitCode.configuration.rawValue)
    }
  }
}
