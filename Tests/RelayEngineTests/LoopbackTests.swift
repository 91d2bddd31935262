// Echo and broadcast over every kind of listener, and listeners themselves.

import CLinux
import Glibc
import RelayCore
import Testing

@testable import RelayEngine

extension EngineTests {
  @Suite("Listeners")
  struct LoopbackTests {
    private static func temporaryPath() -> String {
      "/tmp/wsrelay-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    }

    private func exists(_ path: String) -> Bool {
      var status = stat()
      return lstat(path, &status) == 0
    }

    /// Echo, and a broadcast between two members, over one address.
    private func expectRelay(_ address: SocketAddress) throws {
      let client = try Client.open(address, "/echo")
      try client.send("hello")
      #expect(try client.next() == .text("hello"))
      let members = try (0..<2).map { _ in try Client.open(address, "/room/a") }
      try members[0].send("to all")
      #expect(try members[1].next() == .text("to all"))
    }

    @Test("IPv4, IPv6 and a Unix socket relay")
    func families() throws {
      let path = Self.temporaryPath()
      let test = try TestEngine(
        listen: [TestEngine.loopback, .tcp(host: "::1", port: 0), .unix(path: path)])
      defer { test.stop() }
      try expectRelay(try test.address(0))
      try expectRelay(try test.address(1, host: "::1"))
      try expectRelay(try test.address(2))
      var status = stat()
      #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
    }

    @Test("*:port serves both families, and an IPv4 peer is recorded as IPv4")
    func bothFamilies() throws {
      let test = try TestEngine(listen: [.tcp(host: "*", port: 0)]) { $0.recordsOpened = true }
      defer { test.stop() }
      try expectRelay(try test.address())
      try expectRelay(try test.address(host: "::1"))
      let peers = test.log.wait { $0.opened.count == 6 }.opened.map(\.peer)
      #expect(peers.map(\.family) == [.ipv4, .ipv4, .ipv4, .ipv6, .ipv6, .ipv6])
      #expect(peers.first?.host == "127.0.0.1" && peers.last?.host == "::1")
    }

    private func makeListener() throws -> Int32 {
      let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      let address = try #require(SocketAddress(numericHost: "127.0.0.1", port: 0))
      #expect(address.withSockaddr { bind(socket, $0, $1) } == 0)
      return socket
    }

    @Test("An inherited socket relays without delays, and stays open for its owner")
    func inherited() throws {
      let socket = try makeListener()
      defer { close(socket) }
      #expect(listen(socket, 16) == 0)
      let test = try TestEngine(listen: [.inherited(name: "web")], inherited: ["web": socket])
      try expectRelay(try test.address())
      var value: Int32 = 0
      var length = socklen_t(4)
      getsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &length)
      #expect(value == 1)
      test.stop()
      getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &value, &length)
      #expect(value == 1)
    }

    @Test("An inherited socket that does not listen, or is missing, fails the start")
    func notListening() throws {
      let socket = try makeListener()
      defer { close(socket) }
      for (inherited, errno) in [(["web": socket], EINVAL), ([:], ENOENT)] {
        let error = #expect(throws: SystemCallError.self) {
          try TestEngine(listen: [.inherited(name: "web")], inherited: inherited)
        }
        #expect(error?.errno == errno)
      }
    }

    @Test("A stale Unix socket is replaced, and the path is gone at the end")
    func staleSocket() throws {
      let path = Self.temporaryPath()
      let address = try #require(SocketAddress(unixPath: path))
      let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      #expect(address.withSockaddr { bind(stale, $0, $1) } == 0)
      close(stale)
      #expect(exists(path))
      let test = try TestEngine(listen: [.unix(path: path)])
      try expectRelay(address)
      test.stop()
      #expect(!exists(path))
    }

    @Test("A Unix socket that somebody is at is refused and left alone")
    func liveSocket() throws {
      for type in [SOCK_STREAM, SOCK_DGRAM] {
        let path = Self.temporaryPath()
        let address = try #require(SocketAddress(unixPath: path))
        let live = socket(AF_UNIX, Int32(type.rawValue), 0)
        defer {
          close(live)
          unlink(path)
        }
        #expect(address.withSockaddr { bind(live, $0, $1) } == 0)
        listen(live, 1)
        let error = #expect(throws: SystemCallError.self) {
          try TestEngine(listen: [.unix(path: path)])
        }
        #expect(error?.errno == EADDRINUSE && error?.call == "bind")
        #expect(exists(path))
      }
    }

    @Test("A path that somebody else has bound since is not removed")
    func replacedSocket() throws {
      let path = Self.temporaryPath()
      let test = try TestEngine(listen: [.unix(path: path)])
      unlink(path)
      let address = try #require(SocketAddress(unixPath: path))
      let other = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer {
        close(other)
        unlink(path)
      }
      #expect(address.withSockaddr { bind(other, $0, $1) } == 0)
      test.stop()
      #expect(exists(path))
    }

    @Test("What cannot be bound says what and why")
    func bindErrors() throws {
      let test = try TestEngine()
      defer { test.stop() }
      let port = try #require(test.engine.listeners[0].boundPort)
      for (address, call, errno) in [
        (ListenAddress.tcp(host: "127.0.0.1", port: port), "bind", EADDRINUSE),
        (.tcp(host: "192.0.2.1", port: 0), "bind", EADDRNOTAVAIL),
        (.tcp(host: "localhost", port: 0), "inet_pton", EINVAL),
        (.unix(path: "/" + String(repeating: "a", count: 107)), "bind", ENAMETOOLONG),
        (.unix(path: "/nonexistent/socket"), "bind", ENOENT),
      ] {
        let error = #expect(throws: SystemCallError.self) {
          try TestEngine(listen: [address])
        }
        #expect(error == SystemCallError(call, errno: errno, subject: address.description))
      }
    }
  }
}
