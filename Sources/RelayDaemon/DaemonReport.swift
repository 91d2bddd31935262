// What the daemon has to say of its own life: starts, reloads and stops, with their figures, and
// plain words.

import CloseEvents
import RelayConfiguration
import RelayCore
import RelayEngine

/// A record that is about the daemon, not about a connection.
package struct DaemonReport: Sendable, Equatable {
  /// A field besides those that every record has.
  struct Field: Sendable, Equatable {
    enum Value: Sendable, Equatable {
      case count(Int)
      case text(String)
    }

    var name: JournalField
    var value: Value

    static func count(_ name: JournalField, _ count: Int) -> Field {
      Field(name: name, value: .count(count))
    }

    static func text(_ name: JournalField, _ text: String) -> Field {
      Field(name: name, value: .text(text))
    }
  }

  /// nil: words that are no event.
  var event: RecordEvent?
  var priority = RecordPriority.notice
  var message: String
  var fields: [Field] = []
}

extension DaemonReport {
  /// The daemon accepts connections.
  static func started(
    _ configuration: Configuration, workerCount: Int, descriptorLimit: Int,
    maximumConnectionCount: Int
  ) -> DaemonReport {
    let addresses = configuration.listeners.map(\.address.description).joined(separator: ", ")
    return DaemonReport(
      event: .start,
      message: "started: listening on \(addresses), \(configuration.routes.count) routes, "
        + "\(workerCount) workers, descriptor limit \(descriptorLimit)",
      fields: [
        .text(.version, Version.current),
        .count(.listenerCount, configuration.listeners.count),
        .count(.routeCount, configuration.routes.count),
        .count(.workerCount, workerCount),
        .count(.descriptorLimit, descriptorLimit),
        .count(.maximumConnectionCount, maximumConnectionCount),
      ])
  }

  /// Another configuration is in force.
  static func reloaded(_ changes: ReloadChanges, connectionCount: Int) -> DaemonReport {
    var fields: [Field] = [
      .text(.result, "applied"), .count(.connectionCount, connectionCount),
      .count(.addedRouteCount, changes.addedRoutes.count),
      .count(.removedRouteCount, changes.removedRoutes.count),
      .count(.changedRouteCount, changes.changedRoutes.count),
      .count(.addedListenerCount, changes.addedListeners.count),
      .count(.removedListenerCount, changes.removedListeners.count),
    ]
    if !changes.restartNeeded.isEmpty {
      fields.append(.text(.restartNeeded, changes.restartNeeded.joined(separator: " ")))
    }
    return DaemonReport(event: .reload, message: "reloaded: \(changes.text)", fields: fields)
  }

  /// A reload changed nothing; `errorCount` errors of the file are in records of their own.
  static func reloadFailed(_ why: String?, errorCount: Int, connectionCount: Int) -> DaemonReport {
    DaemonReport(
      event: .reload, priority: .error,
      message: "reload failed: \(why.map { "\($0); " } ?? "")the configuration in force is "
        + "unchanged",
      fields: [
        .text(.result, "failed"), .count(.connectionCount, connectionCount),
        .count(.errorCount, errorCount),
      ])
  }

  /// The connections are on their way to the next process, which will say what became of them.
  static func leaving(connectionCount: Int) -> DaemonReport {
    DaemonReport(
      message: "restarting: \(connectionCount) connections are kept for the next process")
  }

  /// The connections of the process before are here.
  static func restarted(_ summary: AdoptionSummary) -> DaemonReport {
    var message =
      "restarted: \(summary.adoptedCount) connections kept, \(summary.closedCount) closed"
    var fields: [Field] = [
      .count(.adoptedCount, summary.adoptedCount), .count(.closedCount, summary.closedCount),
    ]
    if summary.pause > 0 {
      message += ", after \(ElapsedText.of(microseconds: UInt64(summary.pause)))"
      fields.append(.count(.duration, Int(summary.pause)))
    }
    if !summary.program.isEmpty { fields.append(.text(.previousVersion, summary.program)) }
    if let fault = summary.fault {
      message += "; the state of the process before could not be read: \(fault)"
    }
    return DaemonReport(
      event: .restart, priority: summary.fault == nil ? .notice : .error, message: message,
      fields: fields)
  }

  /// The daemon begins to stop.
  static func draining(connectionCount: Int, _ drain: Configuration.Drain) -> DaemonReport {
    DaemonReport(
      event: .drain,
      message: "draining: closing \(connectionCount) connections, spread over "
        + "\(DurationText.format(drain.spread)), within \(DurationText.format(drain.grace))",
      fields: [.count(.connectionCount, connectionCount)])
  }

  /// The daemon has stopped; the counts are of what ended since it began to.
  static func stopped(closed: CloseCounts.Counts, within duration: Duration) -> DaemonReport {
    let microseconds = max(0, duration.wholeMicroseconds)
    return DaemonReport(
      event: .stop,
      message: "stopped: \(closed.all) connections closed in "
        + "\(ElapsedText.of(microseconds: UInt64(microseconds))), \(closed.clean) cleanly",
      fields: [
        .count(.closedCount, closed.all), .count(.cleanCount, closed.clean),
        .count(.duration, Int(microseconds)),
      ])
  }
}
