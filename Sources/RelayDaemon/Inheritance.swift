// What a process is started with besides its arguments: sockets from the service manager, and the
// connections of the process before.

import RelayEngine
import Systemd

/// Taken once, and before there are threads: a table of descriptors that several threads use grows
/// step by step, and the kernel waits at each step until none of them looks at the old one. With
/// ten thousand connections that made a hundred milliseconds.
struct Inheritance {
  /// Sockets to listen on, by name.
  let listening: [String: Int32]
  /// nil: there was no process before, or it left nothing.
  let arrival: HandoverArrival?
  /// The names of what the service manager keeps until this process serves.
  let storedNames: [String]

  /// Takes everything out of the environment and the service manager's hands.
  static func take() throws(SystemCallError) -> Inheritance {
    let sockets: [InheritedSocket]
    do throws(SystemdError) {
      sockets = try ListenSockets.take()
    } catch {
      throw SystemCallError(error.call, errno: error.errorNumber, subject: "inherited sockets")
    }
    return Inheritance(
      listening: Dictionary(
        sockets.filter(\.isListening).map { ($0.name, $0.descriptor) },
        uniquingKeysWith: { first, _ in first }),
      arrival: HandoverPlace.arrivalInEnvironment() ?? HandoverPlace.arrival(among: sockets),
      storedNames: sockets.filter(HandoverPlace.isPart).map(\.name))
  }
}
