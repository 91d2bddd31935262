// `wsrelay check`, also `wsrelay -t`: is the configuration good, and what is in force?

import Getopt
import RelayConfiguration
import RelayDaemon

struct Check: Command {
  static let name = "check"
  static let options = ConfigurationOptions.all + [printEffective]
  static let help = """
    Usage: wsrelay check [--config FILE] [--listen ADDRESS]... [--log-level LEVEL]
                         [--print-effective]

    Check the configuration; exit 0 if it is good, 78 after listing every error.
    `wsrelay -t` does the same.

    Options:
    \(ConfigurationOptions.help)
      --print-effective   Print every setting in force, and where it comes from.

    """

  private static let printEffective = Option.flag("print-effective")

  private let source: ConfigurationSource
  private let printsEffective: Bool

  init(_ arguments: ParsedArguments) {
    source = ConfigurationOptions.source(arguments)
    printsEffective = arguments.has(Self.printEffective)
  }

  func run() -> Int32 {
    let limit = DescriptorLimit.raise()
    do throws(ConfigurationErrors) {
      let loaded = try source.load(descriptorLimit: limit)
      let certificates = try ServerCertificates(loaded, for: .checking)
      for advice in loaded.advice + certificates.advice {
        StandardError.write(advice.rendered + "\n")
      }
      if printsEffective {
        print(loaded.effectiveText(location: source.location), terminator: "")
      } else {
        print("\(source.isBuiltIn ? "built-in defaults" : source.location.path): good")
      }
      return ExitCode.success.rawValue
    } catch {
      StandardError.writeError(error.rendered)
      return ExitCode.configuration.rawValue
    }
  }
}
