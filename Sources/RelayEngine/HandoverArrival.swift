// What the process before left, taken out of its descriptors. Nothing of it is believed: a state
// that cannot be read leaves sockets without records, and those are closed with 1012 by the shards.

import CLinux
import Glibc
import RelayCore

/// Connections that wait to be taken up, and listeners.
package struct HandoverArrival: Sendable {
  /// What the state begins with; empty if it could not be read.
  package let header: HandoverHeader
  /// Why the state could not be read; nil: it could.
  package let fault: HandoverFault?
  /// The sockets of listeners, by address.
  let listeners: [ListenAddress: Int32]
  /// Each connection's socket and where its record is in `state`, if it has one.
  let connections: [(socket: Int32, record: Range<Int>?)]
  let state: [UInt8]

  /// Connections, those without a record among them.
  package var connectionCount: Int { connections.count }

  /// Takes everything out of the descriptors of a parcel, and closes them. nil: nothing is in them.
  /// `isStored`: others hold the parcel, too, and shall find copies in it, should this process not
  /// come as far as to serve.
  package init?(
    state stateDescriptor: Int32, receivers: [Int32], senders: [Int32], isStored: Bool
  ) {
    defer { for descriptor in [stateDescriptor] + receivers + senders { close(descriptor) } }
    let state = Self.read(stateDescriptor)
    var header = HandoverHeader()
    var byteCount = 0
    do throws(HandoverFault) {
      header = try Self.readHeader(state, &byteCount)
      fault = nil
    } catch {
      fault = error
    }
    Self.makeRoom(for: header.recordCount, receivers.first ?? -1)
    var sockets: [Int32] = []
    for (index, receiver) in receivers.enumerated() {
      let received = Self.receive(receiver)
      if isStored && index < senders.count && !received.contains(-1) {
        // What does not fit any more is what would be lost without this.
        _ = try? HandoverParcel.fill(senders[index], received, from: 0)
      }
      sockets += received
    }
    if sockets.isEmpty { return nil }
    self.header = header
    self.state = state
    let records = state.withUnsafeBytes {
      HandoverRecordFrame.ranges(in: $0, from: byteCount, count: header.recordCount)
    }
    (listeners, connections) = Self.sort(sockets, header, records)
  }

  private static func readHeader(_ state: [UInt8], _ byteCount: inout Int) throws(HandoverFault)
    -> HandoverHeader
  {
    let result = state.withUnsafeBytes { bytes in
      Result { () throws(HandoverFault) in
        try HandoverHeader(reading: bytes, byteCount: &byteCount)
      }
    }
    return try result.get()
  }

  /// First come the sockets of listeners, then those of the records. Where the state does not say
  /// which is which, those that accept are listeners nobody knows the address of.
  private static func sort(
    _ sockets: [Int32], _ header: HandoverHeader, _ records: [Range<Int>?]
  ) -> ([ListenAddress: Int32], [(socket: Int32, record: Range<Int>?)]) {
    var listeners: [ListenAddress: Int32] = [:]
    var connections: [(socket: Int32, record: Range<Int>?)] = []
    for (index, socket) in sockets.enumerated() where socket >= 0 {
      let place = index - header.listeners.count
      if place < 0 && listeners[header.listeners[index]] == nil {
        listeners[header.listeners[index]] = socket
      } else if place >= 0, place < records.count, let record = records[place] {
        connections.append((socket: socket, record: record))
      } else if linux_is_connection(socket) {
        connections.append((socket: socket, record: nil))
      } else {
        close(socket)
      }
    }
    return (listeners, connections)
  }

  /// Lets the table of descriptors grow in one step to what is to come: a descriptor of that
  /// number, which is closed again.
  private static func makeRoom(for count: Int, _ descriptor: Int32) {
    let reserved = fcntl(descriptor, F_DUPFD_CLOEXEC, Int32(clamping: count))
    if reserved >= 0 { close(reserved) }
  }

  /// All descriptors in flight, in order; -1 for one that this process could not have.
  private static func receive(_ receiver: Int32) -> [Int32] {
    var sockets: [Int32] = []
    var batch = [Int32](repeating: -1, count: Int(LINUX_MAXIMUM_DESCRIPTORS))
    while true {
      let count = linux_receive_descriptors(receiver, &batch)
      if count <= 0 { return sockets }
      sockets += batch[..<Int(count)]
    }
  }

  /// A larger file is no state: the unsent bytes of ten thousand slow consumers fit in.
  private static let maximumStateByteCount: off_t = 16 << 30

  private static func read(_ descriptor: Int32) -> [UInt8] {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size <= maximumStateByteCount
    else { return [] }
    return [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { bytes, count in
      while count < bytes.count {
        let part = pread(
          descriptor, bytes.baseAddress! + count, bytes.count - count, off_t(count))
        if part <= 0 { return }
        count += part
      }
    }
  }
}
