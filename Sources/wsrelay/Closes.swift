// `wsrelay closes`: what an operator types, and which report that is. The reports are made in
// CloseReports.

import CloseReports
import Getopt
import Glibc
import RelayCore
import RelayDaemon
import Systemd

struct Closes: Command {
  static let name = "closes"
  static let options = [since, until, by, route, follow, json, input]
  static let help = """
    Usage: wsrelay closes [--since TIME] [--until TIME] [--by PROPERTY] [--route ROUTE] [--json]
                          [--input FILE]
           wsrelay closes --follow [--since TIME] [--route ROUTE] [--json]

    Tell from the journal what has been ending connections.

    Counts the closes of the last hour by cause, says when they came, and what stands out. See
    wsrelay-closes(1).

    Options:
      --since TIME     From this time on. Default: an hour ago; with --input, the first entry;
                       with --follow, now.
      --until TIME     Up to this time. Default: now, or the last entry.
      --by PROPERTY    What the rows are: code, cause, route, peer or minute. Default: cause.
      --route ROUTE    Only this route, by its path as configured.
      -f, --follow     Show each close as it comes, until Ctrl-C.
      --json           One JSON object for each entry, instead of the table or the lines.
      --input FILE     Read a journal file, a directory of them, or what `journalctl -o export`
                       wrote (- for standard input), instead of this machine's journal.

    Times: \(TimeExpression.examples).

    Exit codes: 0 fine; 64 usage; 66 no such file, or not a journal; 71 the system refused;
    77 permission.

    """

  private static let since = Option.value("since", "TIME")
  private static let until = Option.value("until", "TIME")
  private static let by = Option.value("by", "PROPERTY")
  private static let route = Option.value("route", "ROUTE")
  private static let follow = Option.flag("follow", letter: "f")
  private static let json = Option.flag("json")
  private static let input = Option.value("input", "FILE")

  private let since: String?
  private let until: String?
  private let by: CloseGrouping?
  private let route: String?
  private let follow: Bool
  private let json: Bool
  private let input: String?

  /// What ends the command, after it has been said.
  private struct Failure: Error {
    let code: ExitCode
  }

  init(_ arguments: ParsedArguments) throws(UsageError) {
    since = arguments.value(of: Self.since)
    until = arguments.value(of: Self.until)
    by = try arguments.choice(of: Self.by)
    route = arguments.value(of: Self.route)
    follow = arguments.has(Self.follow)
    json = arguments.has(Self.json)
    input = arguments.value(of: Self.input)
    if by != nil && (json || follow) {
      throw UsageError("--by is for the table: it goes with neither --json nor --follow")
    }
    if follow && (input != nil || until != nil) {
      throw UsageError("--follow shows what is to come: no --input, no --until")
    }
    let span = try span(now: WallClock.now)
    if let since = span.since, let until = span.until, since > until {
      throw UsageError("--since is later than --until")
    }
  }

  func run() throws -> Int32 {
    // Whoever started this may have ignored it; `wsrelay closes | head` shall end like any filter.
    signal(SIGPIPE, SIG_DFL)
    let query = CloseQuery(span: try span(now: WallClock.now), route: route)
    do {
      try follow ? runFollowing(query) : runReport(query)
      return ExitCode.success.rawValue
    } catch let error as SystemdError {
      let isRefused = error.errorNumber == EACCES || error.errorNumber == EPERM
      StandardError.write("wsrelay: error: cannot read the journal: \(error)\n")
      return (isRefused ? ExitCode.noPermission : .systemError).rawValue
    } catch let failure as Failure {
      return failure.code.rawValue
    }
  }

  private func runFollowing(_ query: CloseQuery) throws {
    let signals = try StopSignals()
    if let obstacle = LocalJournal.obstacle() {
      let text = LocalJournal.explain(obstacle)
      if obstacle == .noPermission { try fail(text, .noPermission) }
      warn(text)
    }
    var follower = try CloseFollower(query, isJSON: json)
    try follower.run(until: signals)
    StandardError.write(follower.sum)
  }

  private func runReport(_ query: CloseQuery) throws {
    var report = CloseReport(query, of: try openInput())
    // What is in force on this machine says nothing of entries from another.
    if input == nil { report.pingInterval = configuredPingInterval() }
    var output = ReportOutput(descriptor: STDOUT_FILENO)
    let count: UInt64
    var text = ""
    if json {
      count = try report.writeJSON(to: &output)
    } else {
      let tally = try report.tally(by: by ?? .cause)
      count = tally.count
      text = report.text(of: tally)
    }
    for remark in report.remarks { warn(remark) }
    try checkAccess(report, foundAny: count > 0)
    output.bytes += text.utf8
    if !output.flush() { try fail("cannot write the report", .systemError) }
  }

  /// Says what could not be read. Where that was everything, "no closes" would be a wrong answer.
  private func checkAccess(_ report: CloseReport, foundAny: Bool) throws {
    if report.isForeign && !foundAny {
      try fail("\(report.input.name): nothing of a journal", .noInput)
    }
    guard input == nil, let obstacle = LocalJournal.obstacle() else { return }
    let text = LocalJournal.explain(obstacle)
    if obstacle == .noPermission && !foundAny { try fail(text, .noPermission) }
    warn(text)
  }

  /// In microseconds, 0 where it is off; nil if it is not known or not the same on all routes.
  private func configuredPingInterval() -> UInt64? {
    let source = ConfigurationSource(file: nil, listen: [], logLevel: nil)
    guard let loaded = try? source.load(descriptorLimit: .max) else { return nil }
    let routes = loaded.configuration.routes.filter { candidate in
      route.map { $0 == candidate.pattern.description } ?? true
    }
    let intervals = Set(routes.map(\.pingInterval))
    guard let interval = intervals.first, intervals.count == 1 else { return nil }
    return UInt64(max(0, interval.wholeMicroseconds))
  }

  private func openInput() throws -> CloseInput {
    guard let input else { return .local }
    var warnings: [String] = []
    do throws(CloseInput.Failure) {
      let opened = try CloseInput.open(input, warnings: &warnings)
      for warning in warnings { warn(warning) }
      return opened
    } catch {
      switch error {
      case .noInput(let text): try fail(text, .noInput)
      case .noPermission(let text): try fail(text, .noPermission)
      }
    }
  }

  private func span(now: UInt64) throws(UsageError) -> TimeSpan {
    let since = try time(since, of: "--since", now: now)
    let until = try time(until, of: "--until", now: now)
    if input != nil || follow { return TimeSpan(since: since, until: until) }
    let end = until ?? now
    return TimeSpan(since: since ?? (end > Self.hour ? end - Self.hour : 0), until: end)
  }

  private static let hour: UInt64 = 3_600_000_000

  private func time(_ text: String?, of option: String, now: UInt64)
    throws(UsageError) -> UInt64?
  {
    guard let text else { return nil }
    guard let time = TimeExpression.parse(text, now: now, clock: .local) else {
      throw UsageError(
        "\(option) does not understand '\(ShownText.of(text))'; try one of: "
          + TimeExpression.examples)
    }
    return time
  }

  private func warn(_ text: String) { StandardError.write("wsrelay: warning: \(text)\n") }

  private func fail(_ text: String, _ code: ExitCode) throws(Failure) -> Never {
    StandardError.write("wsrelay: error: \(text)\n")
    throw Failure(code: code)
  }
}
