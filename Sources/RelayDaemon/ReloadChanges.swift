// What a reload changed, as one line and as figures.

import RelayConfiguration
import RelayCore

/// The difference between two configurations as an operator thinks of it.
struct ReloadChanges: Equatable, Sendable {
  var addedRoutes: [String]
  var removedRoutes: [String]
  var changedRoutes: [String]
  var addedListeners: [String]
  var removedListeners: [String]
  /// Listeners with other limits, and sections and keys that are about no route or listener.
  var changedSettings: [String]
  /// Keys whose change takes effect with the next start only.
  var restartNeeded: [String]

  init(from old: Configuration, to new: Configuration) {
    let oldRoutes = Dictionary(
      old.routes.map { ($0.pattern, $0) }, uniquingKeysWith: { first, _ in first })
    let newPatterns = Set(new.routes.map(\.pattern))
    addedRoutes = new.routes.filter { oldRoutes[$0.pattern] == nil }.map(\.pattern.description)
    removedRoutes = old.routes.filter { !newPatterns.contains($0.pattern) }
      .map(\.pattern.description)
    changedRoutes = new.routes.filter { route in
      oldRoutes[route.pattern].map { $0 != route } ?? false
    }.map(\.pattern.description)
    let oldAddresses = old.listeners.map(\.address)
    let newAddresses = new.listeners.map(\.address)
    addedListeners = newAddresses.filter { !oldAddresses.contains($0) }.map(\.description)
    removedListeners = oldAddresses.filter { !newAddresses.contains($0) }.map(\.description)
    changedSettings = Self.changedSettings(from: old, to: new)
    restartNeeded =
      (old.threadCount == new.threadCount ? [] : ["threads"])
      + (old.pollsBusily == new.pollsBusily ? [] : ["busy_poll"])
  }

  private static func changedSettings(from old: Configuration, to new: Configuration) -> [String] {
    var settings = new.listeners.filter { listener in
      old.listeners.contains { $0.address == listener.address && $0 != listener }
    }.map { "listener \($0.address)" }
    if old.maximumConnectionCount != new.maximumConnectionCount {
      settings.append("max_connections")
    }
    if old.maximumBufferMemory != new.maximumBufferMemory {
      settings.append("max_buffer_memory")
    }
    if old.log != new.log { settings.append("[log]") }
    if old.drain != new.drain { settings.append("[drain]") }
    return settings
  }

  /// All of it in one line: `route /a added, left 127.0.0.1:8080, threads needs a restart`.
  var text: String {
    let parts =
      addedRoutes.map { "route \($0) added" } + changedRoutes.map { "route \($0) changed" }
      + removedRoutes.map { "route \($0) removed" }
      + addedListeners.map { "listening on \($0)" } + removedListeners.map { "left \($0)" }
      + changedSettings.map { "\($0) changed" } + restartNeeded.map { "\($0) needs a restart" }
    return parts.isEmpty ? "nothing changed" : parts.joined(separator: ", ")
  }
}
