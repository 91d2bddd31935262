// A datagram socket at a path: what a service manager or a journal listens on.

import Glibc
import Systemd

/// Receives datagrams at a path; closes itself.
final class UnixDatagramSocket: Sendable {
  private let descriptor: Int32

  init(path: String) throws(SystemdError) {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    guard descriptor >= 0 else { throw SystemdError(call: "socket", errorNumber: errno) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else { throw SystemdError(call: "bind", errorNumber: errno) }
  }

  deinit { close(descriptor) }

  /// The next datagram; nil if none waits.
  func receive() -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
  }
}
