// What the service manager says of the unit that this process belongs to, asked over the bus
// (org.freedesktop.systemd1(5)): whether a stop is one half of a restart, above all.

import CSystemd
import Glibc

/// This process's unit, as long as the value lives.
package struct ServiceUnit: ~Copyable {
  private let bus: OpaquePointer
  private let path: String

  private static let manager = "org.freedesktop.systemd1"
  private static let unitInterface = "org.freedesktop.systemd1.Unit"
  private static let serviceInterface = "org.freedesktop.systemd1.Service"
  private static let jobInterface = "org.freedesktop.systemd1.Job"

  /// Connects to the system bus; no question waits longer than `timeout` for its answer.
  package init(timeout: Duration) throws(SystemdError) {
    let path = try Self.findPath()
    bus = try Self.openBus()
    self.path = path
    let microseconds = UInt64(max(1, timeout.components.seconds)) * 1_000_000
    sd_bus_set_method_call_timeout(bus, microseconds)
  }

  private static func openBus() throws(SystemdError) -> OpaquePointer {
    var bus: OpaquePointer?
    try SystemdError.check(sd_bus_open_system(&bus), call: "sd_bus_open_system")
    guard let bus else { throw SystemdError(call: "sd_bus_open_system", errorNumber: ENOTCONN) }
    return bus
  }

  deinit { sd_bus_flush_close_unref(bus) }

  private static func findPath() throws(SystemdError) -> String {
    var unit: UnsafeMutablePointer<CChar>?
    defer { free(unit) }
    try SystemdError.check(sd_pid_get_unit(0, &unit), call: "sd_pid_get_unit")
    var path: UnsafeMutablePointer<CChar>?
    defer { free(path) }
    try SystemdError.check(
      sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path),
      call: "sd_bus_path_encode")
    return path.map { String(cString: $0) } ?? ""
  }

  /// The type of the job that the unit is in the midst of, such as `restart`; nil: of none.
  package func jobType() throws(SystemdError) -> String? {
    var reply: OpaquePointer?
    defer { sd_bus_message_unref(reply) }
    try SystemdError.check(
      sd_bus_get_property(bus, Self.manager, path, Self.unitInterface, "Job", nil, &reply, "(uo)"),
      call: "sd_bus_get_property")
    var number: UInt32 = 0
    // Borrowed from the reply.
    var job: UnsafePointer<CChar>?
    try Self.read(reply) { reply in
      sd_bus_message_enter_container(reply, CChar(UInt8(ascii: "r")), "uo")
    }
    try Self.read(reply) { sd_bus_message_read_basic($0, CChar(UInt8(ascii: "u")), &number) }
    try Self.read(reply) { sd_bus_message_read_basic($0, CChar(UInt8(ascii: "o")), &job) }
    if number == 0 { return nil }
    var type: UnsafeMutablePointer<CChar>?
    defer { free(type) }
    try SystemdError.check(
      sd_bus_get_property_string(bus, Self.manager, job, Self.jobInterface, "JobType", nil, &type),
      call: "sd_bus_get_property_string")
    return type.map { String(cString: $0) }
  }

  private static func read(_ reply: OpaquePointer?, _ body: (OpaquePointer?) -> Int32)
    throws(SystemdError)
  {
    try SystemdError.check(body(reply), call: "sd_bus_message_read")
  }

  /// How many descriptors the manager keeps for the next process.
  package func storedDescriptorCount() throws(SystemdError) -> Int {
    var count: UInt32 = 0
    try SystemdError.check(
      sd_bus_get_property_trivial(
        bus, Self.manager, path, Self.serviceInterface, "NFileDescriptorStore", nil,
        CChar(UInt8(ascii: "u")), &count), call: "sd_bus_get_property_trivial")
    return Int(count)
  }
}
