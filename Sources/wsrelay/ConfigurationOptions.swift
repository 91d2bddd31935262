// The options that say which configuration is meant, the same for all commands that read it.

import Getopt
import RelayDaemon

enum ConfigurationOptions {
  static let file = Option.value("config", "FILE")
  static let listen = Option.value("listen", "ADDRESS")
  static let logLevel = Option.value("log-level", "LEVEL")

  static let all = [file, listen, logLevel]

  static let help = """
      --config FILE       The configuration file. Default: $WSRELAY_CONFIG, else
                          /etc/wsrelay.conf if it exists.
      --listen ADDRESS    Listen here instead of where the file says: host:port, [v6]:port,
                          *:port, unix:/path or systemd:NAME. May be given several times.
      --log-level LEVEL   info, or debug for an entry per opened connection.
    """

  static func source(_ arguments: ParsedArguments) -> ConfigurationSource {
    ConfigurationSource(
      file: arguments.value(of: file), listen: arguments.values(of: listen),
      logLevel: arguments.value(of: logLevel))
  }
}
