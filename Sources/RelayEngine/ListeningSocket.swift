// A socket that accepts connections: opened by us, or inherited.

import CLinux
import Glibc
import RelayCore

/// A listening socket; closed, and its Unix path removed, with the last reference.
package final class ListeningSocket: Sendable {
  package let address: ListenAddress
  package let policy: ListenerPolicy
  /// Where this listener's policy stands in each worker; the same for the life of the engine.
  let index: Int
  let descriptor: Int32
  private let ownership: Ownership

  /// What the last reference has to do with the descriptor. A listener that a reload keeps is given
  /// a new object with its new policy over the same ownership.
  private final class Ownership: Sendable {
    let descriptor: Int32
    let pathToRemove: String?

    init(descriptor: Int32, pathToRemove: String?) {
      self.descriptor = descriptor
      self.pathToRemove = pathToRemove
    }

    deinit {
      close(descriptor)
      if let pathToRemove { unlink(pathToRemove) }
    }
  }

  private init(
    address: ListenAddress, policy: ListenerPolicy, index: Int, ownership: Ownership
  ) {
    self.address = address
    self.policy = policy
    self.index = index
    self.descriptor = ownership.descriptor
    self.ownership = ownership
  }

  /// The same socket under other rules.
  func with(policy: ListenerPolicy) -> ListeningSocket {
    ListeningSocket(address: address, policy: policy, index: index, ownership: ownership)
  }

  /// Opens a listener. `inherited` are the sockets the service manager passed, by name.
  static func open(
    _ address: ListenAddress, policy: ListenerPolicy, index: Int, inherited: [String: Int32]
  ) throws(SystemCallError) -> ListeningSocket {
    let ownership: Ownership
    switch address {
    case .tcp(let host, let port): ownership = try openTCP(host, port, subject: "\(address)")
    case .unix(let path): ownership = try openUnix(path, subject: "\(address)")
    case .inherited(let name):
      guard let descriptor = inherited[name] else {
        throw SystemCallError("no inherited socket named", errno: ENOENT, subject: name)
      }
      // The manager keeps its own; ours must not be closed with a removed listener, so copy it.
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
      if copy < 0 { throw SystemCallError("fcntl", errno: errno, subject: "\(address)") }
      _ = fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) | O_NONBLOCK)
      ownership = Ownership(descriptor: copy, pathToRemove: nil)
    }
    return ListeningSocket(
      address: address, policy: policy, index: index, ownership: ownership)
  }

  private static func openTCP(_ host: String, _ port: UInt16, subject: String)
    throws(SystemCallError) -> Ownership
  {
    if host == "*" {
      // One socket for both families; where IPv6 is switched off, IPv4 alone.
      let both = socket(AF_INET6, streamType, 0)
      if both >= 0 {
        setOption(both, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)
        return try listenTCP(both, SocketAddress(ipv6: in6addr_any, port: port), subject)
      }
      return try listenTCP(
        try makeSocket(AF_INET, subject), SocketAddress(ipv4: in_addr(s_addr: 0), port: port),
        subject)
    }
    guard let address = SocketAddress(numericHost: host, port: port) else {
      throw SystemCallError("inet_pton", errno: EINVAL, subject: subject)
    }
    let descriptor = try makeSocket(address.family, subject)
    if address.family == AF_INET6 {
      setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
    }
    return try listenTCP(descriptor, address, subject)
  }

  private static let streamType = Int32(
    SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
  /// The kernel cuts it to net.core.somaxconn.
  private static let backlog: Int32 = 65_535

  private static func makeSocket(_ family: Int32, _ subject: String)
    throws(SystemCallError) -> Int32
  {
    let descriptor = socket(family, streamType, 0)
    if descriptor < 0 { throw SystemCallError("socket", errno: errno, subject: subject) }
    return descriptor
  }

  private static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32)
  {
    var value = value
    setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func listenTCP(
    _ descriptor: Int32, _ address: SocketAddress, _ subject: String
  ) throws(SystemCallError) -> Ownership {
    let ownership = Ownership(descriptor: descriptor, pathToRemove: nil)
    setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    // Accepted sockets inherit it: a small reply never waits for an acknowledgement (Nagle).
    setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    let error = address.withSockaddr { bind(descriptor, $0, $1) == 0 ? 0 : errno }
    if error != 0 { throw SystemCallError("bind", errno: error, subject: subject) }
    if listen(descriptor, backlog) != 0 {
      throw SystemCallError("listen", errno: errno, subject: subject)
    }
    return ownership
  }

  private static func openUnix(_ path: String, subject: String)
    throws(SystemCallError) -> Ownership
  {
    guard let address = SocketAddress(unixPath: path) else {
      throw SystemCallError("bind", errno: ENAMETOOLONG, subject: subject)
    }
    try removeStaleSocket(path, address, subject)
    let descriptor = try makeSocket(AF_UNIX, subject)
    let unowned = Ownership(descriptor: descriptor, pathToRemove: nil)
    let error = address.withSockaddr { bind(descriptor, $0, $1) == 0 ? 0 : errno }
    if error != 0 { throw SystemCallError("bind", errno: error, subject: subject) }
    chmod(path, 0o660)
    if listen(descriptor, backlog) != 0 {
      throw SystemCallError("listen", errno: errno, subject: subject)
    }
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    withExtendedLifetime(unowned) {}
    if copy < 0 { throw SystemCallError("fcntl", errno: errno, subject: subject) }
    return Ownership(descriptor: copy, pathToRemove: path)
  }

  /// A daemon that was killed leaves its socket file behind; one that nobody accepts on is removed.
  private static func removeStaleSocket(
    _ path: String, _ address: SocketAddress, _ subject: String
  ) throws(SystemCallError) {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
    let probe = try makeSocket(AF_UNIX, subject)
    let result = address.withSockaddr { connect(probe, $0, $1) == 0 ? 0 : errno }
    close(probe)
    if result == 0 || result == EAGAIN {
      throw SystemCallError("bind", errno: EADDRINUSE, subject: subject)
    }
    unlink(path)
  }
}
