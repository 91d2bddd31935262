// A socket that accepts connections: opened by us, or inherited.

import CLinux
import Glibc
import RelayCore
import Synchronization
import TLS

/// A listening socket; closed, and its Unix path removed, with the last reference.
package final class ListeningSocket: Sendable {
  package let address: ListenAddress
  package let policy: ListenerPolicy
  /// What its connections are encrypted with; nil: nothing.
  package let tls: TLSSettings?
  /// Where this listener's policy stands in each worker; the same for the life of the engine.
  let index: Int
  /// Workers tell listeners from sessions by their index: it must be below this.
  static let maximumCount = 4094
  let descriptor: Int32
  private let ownership: Ownership

  /// What the last reference has to do with the descriptor. A listener that a reload keeps is given
  /// a new object with its new policy over the same ownership.
  private final class Ownership: Sendable {
    let descriptor: Int32
    private let file: SocketFile?
    /// Another process listens on it, or may: its file stays.
    let isLeft = Atomic<Bool>(false)

    init(descriptor: Int32, file: SocketFile? = nil) {
      self.descriptor = descriptor
      self.file = file
    }

    deinit {
      if !isLeft.load(ordering: .relaxed) { file?.remove() }
      Glibc.close(descriptor)
    }
  }

  /// The path of a Unix socket, as long as it is the file that was bound: another daemon may have
  /// put its own there since.
  private struct SocketFile: Sendable {
    let path: String
    private let device: dev_t
    private let inode: ino_t

    init(path: String) {
      var status = stat()
      lstat(path, &status)
      self.path = path
      device = status.st_dev
      inode = status.st_ino
    }

    func remove() {
      var status = stat()
      guard lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode else {
        return
      }
      unlink(path)
    }
  }

  private init(
    _ listener: EngineSettings.Listener, index: Int, ownership: Ownership
  ) {
    address = listener.address
    policy = listener.policy
    tls = listener.tls
    self.index = index
    self.descriptor = ownership.descriptor
    self.ownership = ownership
  }

  /// The port it is bound to; nil: not a TCP socket. Another than `address` says where that is 0.
  package var boundPort: UInt16? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutableBytes(of: &storage) {
      getsockname(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
    let isTCP = [AF_INET, AF_INET6].contains(Int32(storage.ss_family))
    return result == 0 && isTCP ? PeerAddress(storage).port : nil
  }

  /// The same socket under other rules.
  func with(policy: ListenerPolicy, tls: TLSSettings?) -> ListeningSocket {
    ListeningSocket(
      EngineSettings.Listener(address: address, policy: policy, tls: tls), index: index,
      ownership: ownership)
  }

  /// The process that comes next listens on it: a Unix path is no more ours to remove.
  func leave() { ownership.isLeft.store(true, ordering: .relaxed) }

  /// No other process listens on it.
  func own() { ownership.isLeft.store(false, ordering: .relaxed) }

  /// Goes on listening on a socket of the process before, which is this one's now; nil: nobody can
  /// reach it, and it is closed. Until `own` the path of a Unix socket stays: others may go on.
  static func takeOver(
    _ descriptor: Int32, _ listener: EngineSettings.Listener, index: Int
  ) -> ListeningSocket? {
    var isThere = option(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 1
    var file: SocketFile?
    if case .unix(let path) = listener.address {
      // systemd removes a RuntimeDirectory= between two processes: nobody finds this one any more.
      isThere = isThere && isSocket(path)
      file = SocketFile(path: path)
    }
    if !isThere {
      Glibc.close(descriptor)
      return nil
    }
    let socket = ListeningSocket(
      listener, index: index, ownership: Ownership(descriptor: descriptor, file: file))
    socket.leave()
    return socket
  }

  /// Opens a listener. `inherited` are the sockets the service manager passed, by name; `left` are
  /// those that are to be closed once all are open, and may be in the way until then.
  static func open(
    _ listener: EngineSettings.Listener, index: Int, inherited: [String: Int32],
    inPlaceOf left: [ListeningSocket]
  ) throws(SystemCallError) -> ListeningSocket {
    let address = listener.address
    let ownership: Ownership
    switch address {
    case .tcp(let host, let port):
      let sharing = left.filter { $0.boundPort == port }.map(\.descriptor)
      ownership = try openTCP(host, port, sharing, subject: "\(address)")
    case .unix(let path): ownership = try openUnix(path, subject: "\(address)")
    case .inherited(let name):
      guard let descriptor = inherited[name] else {
        throw SystemCallError("no inherited socket named", errno: ENOENT, subject: name)
      }
      ownership = try adopt(descriptor, subject: "\(address)")
    }
    return ListeningSocket(listener, index: index, ownership: ownership)
  }

  private static func adopt(_ descriptor: Int32, subject: String)
    throws(SystemCallError) -> Ownership
  {
    // What does not listen would be ready for ever and never accept.
    if option(descriptor, SOL_SOCKET, SO_ACCEPTCONN) != 1 {
      throw SystemCallError("accept4", errno: EINVAL, subject: subject)
    }
    // The manager keeps its own; ours must not be closed with a removed listener, so copy it.
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    if copy < 0 { throw SystemCallError("fcntl", errno: errno, subject: subject) }
    _ = fcntl(copy, F_SETFL, fcntl(copy, F_GETFL) | O_NONBLOCK)
    // As for our own; a Unix socket refuses the option and has no need of it.
    setOption(copy, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    return Ownership(descriptor: copy)
  }

  private static func openTCP(
    _ host: String, _ port: UInt16, _ sharing: [Int32], subject: String
  ) throws(SystemCallError) -> Ownership {
    if host == "*" {
      // One socket for both families; where IPv6 is switched off, IPv4 alone.
      let both = socket(AF_INET6, streamType, 0)
      if both >= 0 {
        setOption(both, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)
        return try listenTCP(both, SocketAddress(ipv6: in6addr_any, port: port), sharing, subject)
      }
      return try listenTCP(
        try makeSocket(AF_INET, subject), SocketAddress(ipv4: in_addr(s_addr: 0), port: port),
        sharing, subject)
    }
    guard let address = SocketAddress(numericHost: host, port: port) else {
      throw SystemCallError("inet_pton", errno: EINVAL, subject: subject)
    }
    let descriptor = try makeSocket(address.family, subject)
    if address.family == AF_INET6 {
      setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
    }
    return try listenTCP(descriptor, address, sharing, subject)
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

  private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32 {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, level, name, &value, &length) == 0 ? value : -1
  }

  /// Listens on an address. The addresses of `sharing`, sockets of ours at the same port, may be
  /// part of it, as 127.0.0.1 is of `*`: all of them share the port (`SO_REUSEPORT`) as long as
  /// this takes, so that there is no moment in which nobody listens.
  private static func listenTCP(
    _ descriptor: Int32, _ address: SocketAddress, _ sharing: [Int32], _ subject: String
  ) throws(SystemCallError) -> Ownership {
    let ownership = Ownership(descriptor: descriptor)
    let sharing = sharing.isEmpty ? [] : sharing + [descriptor]
    for socket in sharing { setOption(socket, SOL_SOCKET, SO_REUSEPORT, 1) }
    defer { for socket in sharing { setOption(socket, SOL_SOCKET, SO_REUSEPORT, 0) } }
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
    let error = address.withSockaddr { bind(descriptor, $0, $1) == 0 ? 0 : errno }
    if error != 0 {
      Glibc.close(descriptor)
      throw SystemCallError("bind", errno: error, subject: subject)
    }
    let ownership = Ownership(descriptor: descriptor, file: SocketFile(path: path))
    chmod(path, 0o660)
    if listen(descriptor, backlog) != 0 {
      throw SystemCallError("listen", errno: errno, subject: subject)
    }
    return ownership
  }

  private static func isSocket(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  /// A daemon that was killed leaves its socket file behind: connections to it are refused.
  /// Whatever else happens, somebody may be there, and the file stays.
  private static func removeStaleSocket(
    _ path: String, _ address: SocketAddress, _ subject: String
  ) throws(SystemCallError) {
    guard isSocket(path) else { return }
    let probe = try makeSocket(AF_UNIX, subject)
    let result = address.withSockaddr { connect(probe, $0, $1) == 0 ? 0 : errno }
    Glibc.close(probe)
    if result != ECONNREFUSED {
      throw SystemCallError("bind", errno: EADDRINUSE, subject: subject)
    }
    unlink(path)
  }
}
