// Where a process finds what the one before left: by names, or by numbers in its environment.

import Glibc
import RelayEngine
import Systemd
import Testing

@testable import RelayDaemon

@Suite("Where a hand-over is found", .serialized)
struct HandoverPlaceTests {
  @Test(
    "numbers that are none, not open, or not of a parcel are left alone",
    arguments: [
      // Never numbers that may be open: they are other tests'.
      "", " ", "x", "-", "0", "0 1-2", "900000", "900000 900001", "900000 900001-",
      "900000-900001 900002", "900000 900001-900002-900003", "99999999999 900001-900002",
      "900000 900001-900002", "-900000 900001-900002", "900000 x-y", "900000  900001-900002",
    ])
  func malformed(value: String) {
    setenv("WSRELAY_HANDOVER", value, 1)
    #expect(HandoverPlace.arrivalInEnvironment().map(\.connectionCount) == nil)
    #expect(getenv("WSRELAY_HANDOVER") == nil, "a child would believe it")
    #expect(fcntl(0, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0)
  }

  @Test("other inherited sockets are no part of a parcel")
  func names() {
    for name in ["web", "wsrelay.socket", "wsrelay-sockets-", "wsrelay-sockets-x", "unknown"] {
      #expect(!HandoverPlace.isPart(InheritedSocket(name: name, descriptor: 5)), "\(name)")
    }
    for name in ["wsrelay-state", "wsrelay-sockets-0", "wsrelay-senders-12"] {
      #expect(HandoverPlace.isPart(InheritedSocket(name: name, descriptor: 5)), "\(name)")
    }
  }
}
