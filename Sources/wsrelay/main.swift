import RelayCore
import RelayEngine

final class R: ConnectionRecorder {
  func record(_ e: ConnectionEvent) { if CommandLine.arguments.count > 2 { print(e) } }
  func acceptFailed(_ e: SystemCallError) { print(e) }
}
let port = UInt16(CommandLine.arguments[1])!
let s = EngineSettings(
  routes: RouteTable(Route.builtIn),
  listeners: [
    .init(address: .tcp(host: "127.0.0.1", port: port), policy: ListenerPolicy(name: "l"))
  ])
let e = try Engine(s, recorder: R())
e.join()
