// Socket addresses between the kernel's form and ours.

import CLinux
import Glibc
import RelayCore

/// An address to bind or connect to.
package struct SocketAddress: Sendable {
  private var storage = sockaddr_storage()
  private var length: socklen_t

  /// AF_INET and the like.
  package var family: Int32 { Int32(storage.ss_family) }

  package init(ipv4 host: in_addr, port: UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = host
    length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: sockaddr_in.self) }
  }

  init(ipv6 host: in6_addr, port: UInt16) {
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    address.sin6_addr = host
    length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: sockaddr_in6.self) }
  }

  /// nil: the host is not numeric.
  init?(numericHost host: String, port: UInt16) {
    var ipv4 = in_addr()
    var ipv6 = in6_addr()
    if inet_pton(AF_INET, host, &ipv4) == 1 {
      self.init(ipv4: ipv4, port: port)
    } else if inet_pton(AF_INET6, host, &ipv6) == 1 {
      self.init(ipv6: ipv6, port: port)
    } else {
      return nil
    }
  }

  /// nil: the path is too long for the kernel (107 bytes).
  init?(unixPath path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    length = socklen_t(MemoryLayout<sockaddr_un>.size)
    withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: sockaddr_un.self) }
  }

  /// An address as the C library's resolver gives it.
  package init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
    guard Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
    self.length = length
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
    }
  }

  /// Calls with the address as system calls take it.
  package func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafeBytes(of: storage) {
      body($0.baseAddress!.assumingMemoryBound(to: sockaddr.self), length)
    }
  }
}

extension PeerAddress {
  /// The address of an accepted peer; an IPv4 peer of an IPv6 socket is shown as IPv4.
  init(_ storage: sockaddr_storage) {
    self = withUnsafeBytes(of: storage) { bytes in
      switch Int32(storage.ss_family) {
      case AF_INET:
        let address = bytes.load(as: sockaddr_in.self)
        return PeerAddress(
          family: .ipv4, port: UInt16(bigEndian: address.sin_port),
          high: UInt64(UInt32(bigEndian: address.sin_addr.s_addr)) << 32, low: 0)
      case AF_INET6:
        let port = UInt16(bigEndian: bytes.load(as: sockaddr_in6.self).sin6_port)
        // sin6_addr is 8 bytes into the structure.
        let high = UInt64(bigEndian: bytes.load(fromByteOffset: 8, as: UInt64.self))
        let low = UInt64(bigEndian: bytes.load(fromByteOffset: 16, as: UInt64.self))
        return PeerAddress(ipv6High: high, low: low, port: port)
      default: return .unix
      }
    }
  }
}
