// The run, and where its findings go.

import Getopt
import Glibc
import LoadGeneration

extension LoadOptions {
  /// Something was wrong with what the server did.
  private static let faultExitCode: Int32 = 1
  /// EX_UNAVAILABLE of sysexits(3): there was no run.
  private static let unavailableExitCode: Int32 = 69

  /// Makes the run and shows what came of it; returns the exit code.
  func run() throws(UsageError) -> Int32 {
    // Before the run: afterwards it would be in vain.
    if let plotFile { try Files.write("", to: plotFile) }
    let progress = ProgressLine(plan.duration)
    let measurement: LoadMeasurement
    do throws(LoadRunError) {
      var run = try LoadRun(plan, observer: progress)
      measurement = run.run()
    } catch {
      progress.clear()
      Program.complain("wsrelay-bench", "\(error)")
      return Self.unavailableExitCode
    }
    progress.clear()
    let summary = Summary(measurement)
    print(isJSON ? summary.json.text + "\n" : summary.text, terminator: "")
    if let plotFile { try Files.write(summary.svg, to: plotFile) }
    if measurement.openings.count == 0 { return Self.unavailableExitCode }
    return measurement.faults.count > 0 ? Self.faultExitCode : 0
  }
}
