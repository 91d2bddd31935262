// Where a process leaves what the next one takes: with the service manager, under names, or in its
// own descriptors, which a process that becomes another program keeps.

import Glibc
import RelayEngine
import Systemd

/// The names and numbers under which a parcel is found again.
enum HandoverPlace {
  private static let stateName = "wsrelay-state"
  private static let receiverPrefix = "wsrelay-sockets-"
  private static let senderPrefix = "wsrelay-senders-"
  /// The number of the state, then those of the pairs' ends: `7 8-9 10-11`.
  private static let variable = "WSRELAY_HANDOVER"

  /// The descriptors of a parcel by the names they have with the service manager.
  static func names(of parcel: HandoverParcel) -> [(name: String, descriptor: Int32)] {
    [(stateName, parcel.state)]
      + parcel.receivers.enumerated().map { ("\(receiverPrefix)\($0.offset)", $0.element) }
      + parcel.senders.enumerated().map { ("\(senderPrefix)\($0.offset)", $0.element) }
  }

  /// Whether an inherited descriptor is of a parcel.
  static func isPart(_ socket: InheritedSocket) -> Bool {
    socket.name == stateName || number(socket.name, receiverPrefix) != nil
      || number(socket.name, senderPrefix) != nil
  }

  private static func number(_ name: String, _ prefix: String) -> Int? {
    name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count)) : nil
  }

  /// What the process before left with the service manager; nil: nothing.
  static func arrival(among sockets: [InheritedSocket]) -> HandoverArrival? {
    // The manager passes them on in no order.
    func ends(_ prefix: String) -> [Int32] {
      sockets.compactMap { socket in
        number(socket.name, prefix).map { (number: $0, descriptor: socket.descriptor) }
      }.sorted { $0.number < $1.number }.map(\.descriptor)
    }
    let receivers = ends(receiverPrefix)
    if receivers.isEmpty { return nil }
    let state = sockets.first { $0.name == stateName }?.descriptor ?? -1
    return HandoverArrival(
      state: state, receivers: receivers, senders: ends(senderPrefix), isStored: true)
  }

  // MARK: - A program that replaces itself

  /// Lets the program that this process becomes find the parcel.
  static func leave(_ parcel: HandoverParcel) {
    for descriptor in parcel.descriptors { setInherited(descriptor, true) }
    let pairs = zip(parcel.receivers, parcel.senders).map { "\($0)-\($1)" }
    setenv(variable, (["\(parcel.state)"] + pairs).joined(separator: " "), 1)
  }

  /// The other program could not be started.
  static func takeBack(_ parcel: HandoverParcel) {
    for descriptor in parcel.descriptors { setInherited(descriptor, false) }
    unsetenv(variable)
  }

  private static func setInherited(_ descriptor: Int32, _ isInherited: Bool) {
    let flags = fcntl(descriptor, F_GETFD)
    _ = fcntl(descriptor, F_SETFD, isInherited ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC)
  }

  /// What the program before left in this process; nil: nothing. No child finds it there again.
  static func arrivalInEnvironment() -> HandoverArrival? {
    guard let value = getenv(variable).map({ String(cString: $0) }) else { return nil }
    unsetenv(variable)
    let parts = value.split(separator: " ", omittingEmptySubsequences: false).map { part in
      part.split(separator: "-", omittingEmptySubsequences: false).map { Int32($0) }
    }
    guard let state = parts.first, state.count == 1, let state = state[0],
      parts.dropFirst().allSatisfy({ $0.count == 2 })
    else { return nil }
    let numbers = [state] + parts.dropFirst().flatMap { $0.compactMap { $0 } }
    guard numbers.count == 2 * parts.count - 1, numbers.allSatisfy({ $0 > 2 }) else { return nil }
    for descriptor in numbers where fcntl(descriptor, F_GETFD) < 0 { return nil }
    return HandoverArrival(
      state: state, receivers: parts.dropFirst().compactMap { $0[0] },
      senders: parts.dropFirst().compactMap { $0[1] }, isStored: false)
  }
}
