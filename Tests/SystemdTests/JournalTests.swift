// Finding the journal: its socket, and whether standard error is its stream.

import Glibc
import Testing

@testable import Systemd

@Suite("Finding the journal")
struct JournalTests {
  @Test("Only a socket counts as journald's socket")
  func socketOnly() throws {
    let directory = "/tmp/wsrelay-journal-test-\(getpid())"
    let path = "\(directory)/socket"
    mkdir(directory, 0o700)
    defer {
      unlink(path)
      rmdir(directory)
    }
    #expect(Journal.SocketIdentity(path: path) == nil)
    #expect(Journal.SocketIdentity(path: directory) == nil)
    let journald = try UnixDatagramSocket(path: path)
    withExtendedLifetime(journald) {
      let identity = Journal.SocketIdentity(path: path)
      #expect(identity != nil)
      #expect(identity == Journal.SocketIdentity(path: path))
    }
  }

  @Test("JOURNAL_STREAM has to name the descriptor's own device and inode")
  func streamIdentity() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    var status = stat()
    try #require(fstat(ends[1], &status) == 0)
    let device = status.st_dev
    let inode = status.st_ino
    let isConnected = { Journal.isConnected(toStandardError: ends[1], stream: $0) }
    #expect(isConnected("\(device):\(inode)"))
    #expect(!isConnected("\(device):\(inode + 1)"))
    #expect(!isConnected("\(device + 1):\(inode)"))
    for text in [
      nil, "", ":", "\(device)", "\(device):", ":\(inode)", "a:b", "\(device):\(inode):1",
    ] {
      #expect(!isConnected(text), "\(text ?? "unset")")
    }
    #expect(!Journal.isConnected(toStandardError: -1, stream: "\(device):\(inode)"))
  }

  @Test(
    "Where there is no journald, an entry is refused",
    .enabled(if: !Journal.isAvailable, "this machine has a journald; run it where there is none"))
  func refusesWithoutJournald() {
    let entry = Array("MESSAGE=nobody hears this".utf8)
    #expect(throws: SystemdError(call: "sd_journal_sendv", errorNumber: ENOENT)) {
      try entry.withUnsafeBytes { try Journal.send($0, fields: [0..<entry.count]) }
    }
  }

  @Test("Errors name the call and the error")
  func errorText() {
    let error = SystemdError(call: "sd_notify", errorNumber: ECONNREFUSED)
    #expect(error.description == "sd_notify: ECONNREFUSED")
    #expect(SystemdError(call: "f", errorNumber: 4242).description == "f: error 4242")
    #expect(ErrorNumber.name(of: ECONNRESET) == "ECONNRESET")
    #expect(ErrorNumber.name(of: 0) == nil)
  }
}
