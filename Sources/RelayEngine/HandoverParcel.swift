// What is left to the next process, as descriptors: the sockets themselves lie in flight inside
// socket pairs, where they stay open without a process that holds them, and the state is a file in
// memory that nobody can change any more. So 20,000 connections are kept as three descriptors.
//
// The kernel counts what is in flight against the limit on open files of the user who sent it. A
// pair takes what its buffer takes; when it is full, the next one is begun.

import CLinux
import Glibc
import RelayCore

/// The descriptors that hold everything; closed with the last reference, unless they were given on.
package final class HandoverParcel: Sendable {
  /// The state: a header and records, sealed.
  package let state: Int32
  /// Of each pair the end that the sockets are received from.
  package let receivers: [Int32]
  /// The other ends, to be kept as long: what is in flight in a stream without a writer is at its
  /// end once it is read.
  package let senders: [Int32]

  private init(state: Int32, receivers: [Int32], senders: [Int32]) {
    self.state = state
    self.receivers = receivers
    self.senders = senders
  }

  deinit {
    for descriptor in descriptors { close(descriptor) }
  }

  /// All of them.
  package var descriptors: [Int32] { [state] + receivers + senders }

  // MARK: - Packing

  /// Puts a state and the sockets it is of into a parcel; they stay open here, too.
  static func pack(_ header: HandoverHeader, _ parts: [Part], listeners: [Int32])
    throws(SystemCallError) -> HandoverParcel
  {
    var header = header
    header.recordCount = parts.reduce(0) { $0 + $1.sockets.count }
    let state = try writeState(header, parts)
    var pairs: [(receiver: Int32, sender: Int32)] = []
    do throws(SystemCallError) {
      let sockets = listeners + parts.flatMap(\.sockets)
      var position = 0
      while position < sockets.count || pairs.isEmpty {
        pairs.append(try makePair())
        position = try fill(pairs[pairs.count - 1].sender, sockets, from: position)
      }
    } catch {
      _ = HandoverParcel(
        state: state, receivers: pairs.map(\.receiver), senders: pairs.map(\.sender))
      throw error
    }
    return HandoverParcel(
      state: state, receivers: pairs.map(\.receiver), senders: pairs.map(\.sender))
  }

  /// What one worker hands over.
  struct Part: Sendable {
    /// Records behind each other, each in its frame.
    var records: [UInt8] = []
    /// One for each record.
    var sockets: [Int32] = []
  }

  private static func writeState(_ header: HandoverHeader, _ parts: [Part])
    throws(SystemCallError) -> Int32
  {
    let descriptor = linux_memory_file("wsrelay-handover")
    if descriptor < 0 { throw SystemCallError("memfd_create", errno: errno, subject: "state") }
    for bytes in [header.encoded()] + parts.map(\.records) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
          let error = errno
          close(descriptor)
          throw SystemCallError("write", errno: error, subject: "state of the hand-over")
        }
        rest = rest.dropFirst(count)
      }
    }
    guard linux_seal(descriptor) else {
      let error = errno
      close(descriptor)
      throw SystemCallError("fcntl", errno: error, subject: "state of the hand-over")
    }
    return descriptor
  }

  private static func makePair() throws(SystemCallError) -> (receiver: Int32, sender: Int32) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    if socketpair(AF_UNIX, type, 0, &ends) != 0 {
      throw SystemCallError("socketpair", errno: errno, subject: "hand-over")
    }
    return (ends[0], ends[1])
  }

  /// Sends descriptors until the pair is full; returns where the next one has to go on.
  static func fill(_ sender: Int32, _ sockets: [Int32], from start: Int)
    throws(SystemCallError) -> Int
  {
    var position = start
    while position < sockets.count {
      let count = min(Int(LINUX_MAXIMUM_DESCRIPTORS), sockets.count - position)
      let result = sockets[position...].withUnsafeBufferPointer {
        linux_send_descriptors(sender, $0.baseAddress, Int32(count))
      }
      if !result {
        if errno == EAGAIN && position > start { return position }
        throw SystemCallError("sendmsg", errno: errno, subject: "\(count) sockets in flight")
      }
      position += count
    }
    return position
  }
}
