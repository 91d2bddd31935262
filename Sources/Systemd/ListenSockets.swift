// Sockets that the service manager opened and handed to this process (sd_listen_fds(3)).

import CSystemd
import Glibc

/// A descriptor from the service manager; whoever takes it owns it and closes it.
package struct InheritedSocket: Sendable, Equatable {
  /// `FileDescriptorName=` of the socket unit; the name of the unit where it has none.
  package let name: String
  package let descriptor: Int32

  package init(name: String, descriptor: Int32) {
    self.name = name
    self.descriptor = descriptor
  }

  /// Whether connections can be accepted on it: a stream socket that listens.
  package var isListening: Bool {
    sd_is_socket(descriptor, AF_UNSPEC, Int32(SOCK_STREAM.rawValue), 1) > 0
  }
}

/// The sockets this process was started with.
package enum ListenSockets {
  /// Takes all of them, in the order of the socket units' directives; empty outside a service.
  ///
  /// They are marked close-on-exec and the environment variables are removed, so that a second call
  /// returns none and no child believes that they are its own.
  package static func take() throws(SystemdError) -> [InheritedSocket] {
    var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    let result = sd_listen_fds_with_names(1, &names)
    defer { free(names: names) }
    let count = try SystemdError.check(result, call: "sd_listen_fds_with_names")
    return (0..<Int(count)).map { index in
      let name = names?[index].map { String(cString: $0) } ?? "unknown"
      return InheritedSocket(name: name, descriptor: SD_LISTEN_FDS_START + Int32(index))
    }
  }

  private static func free(names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) {
    guard let names else { return }
    var next = names
    while let name = next.pointee {
      Glibc.free(name)
      next += 1
    }
    Glibc.free(names)
  }
}
