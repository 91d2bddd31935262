// Where the relay listens, as an operator writes it.

/// A place to accept connections at.
public enum ListenAddress: Hashable, Sendable {
  /// A numeric IPv4 or IPv6 host without brackets, or `*` for all of both families; and a port.
  case tcp(host: String, port: UInt16)
  /// The path of a Unix stream socket.
  case unix(path: String)
  /// A socket inherited from the service manager, by its `FileDescriptorName=`.
  case inherited(name: String)
}

extension ListenAddress: CustomStringConvertible {
  /// The address as it is written in the configuration file.
  public var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    case .inherited(let name): "systemd:\(name)"
    }
  }
}
