// `wsrelay closes`: what an operator types, and which report that is. The reports are made in
// CloseReports.

import ArgumentParser
import CloseReports
import Glibc
import RelayCore
import RelayDaemon
import Systemd

extension CloseGrouping: ExpressibleByArgument {}

struct Closes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell from the journal what has been ending connections.",
    discussion: """
      Counts the closes of the last hour by cause, says when they came, and what stands out. See \
      wsrelay-closes(1).

      Times: \(TimeExpression.examples).

      Exit codes: 0 fine; 64 usage; 66 no such file, or not a journal; 71 the system refused; 77 \
      permission.
      """)

  // A value such as -1h would pass for an option otherwise.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "From this time on. Default: an hour ago; with --input, the first entry; with --follow, now.",
      valueName: "time"))
  var since: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Up to this time. Default: now, or the last entry.", valueName: "time"))
  var until: String?

  @Option(help: "What the rows are: code, cause, route, peer or minute. Default: cause.")
  var by: CloseGrouping?

  @Option(
    help: ArgumentHelp("Only this route, by its path as configured.", valueName: "route"))
  var route: String?

  @Flag(name: .shortAndLong, help: "Show each close as it comes, until Ctrl-C.")
  var follow = false

  @Flag(help: "One JSON object for each entry, instead of the table or the lines.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Read a journal file, a directory of them, or what `journalctl -o export` wrote (- for "
        + "standard input), instead of this machine's journal.",
      valueName: "file"))
  var input: String?

  func validate() throws {
    if by != nil && (json || follow) {
      throw ValidationError("--by is for the table: it goes with neither --json nor --follow")
    }
    if follow && (input != nil || until != nil) {
      throw ValidationError("--follow shows what is to come: no --input, no --until")
    }
    let span = try span(now: WallClock.now)
    if let since = span.since, let until = span.until, since > until {
      throw ValidationError("--since is later than --until")
    }
  }

  func run() throws {
    // Whoever started this may have ignored it; `wsrelay closes | head` shall end like any filter.
    signal(SIGPIPE, SIG_DFL)
    let query = CloseQuery(span: try span(now: WallClock.now), route: route)
    do {
      try follow ? runFollowing(query) : runReport(query)
    } catch let error as SystemdError {
      let isRefused = error.errorNumber == EACCES || error.errorNumber == EPERM
      try fail("cannot read the journal: \(error)", isRefused ? .noPermission : .systemError)
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

  private func span(now: UInt64) throws -> TimeSpan {
    let since = try since.map { try time($0, of: "--since", now: now) }
    let until = try until.map { try time($0, of: "--until", now: now) }
    if input != nil || follow { return TimeSpan(since: since, until: until) }
    let end = until ?? now
    return TimeSpan(since: since ?? (end > Self.hour ? end - Self.hour : 0), until: end)
  }

  private static let hour: UInt64 = 3_600_000_000

  private func time(_ text: String, of option: String, now: UInt64) throws -> UInt64 {
    guard let time = TimeExpression.parse(text, now: now, clock: .local) else {
      throw ValidationError(
        "\(option) does not understand '\(ShownText.of(text))'; try one of: "
          + TimeExpression.examples)
    }
    return time
  }

  private func warn(_ text: String) { StandardError.write("wsrelay: warning: \(text)\n") }

  private func fail(_ text: String, _ code: RelayDaemon.ExitCode) throws -> Never {
    StandardError.write("wsrelay: error: \(text)\n")
    throw ArgumentParser.ExitCode(code.rawValue)
  }
}
