// The state that one process leaves to the next: whatever it says, the next one starts, ends each
// connection with a record, and has nothing left of it. What can be read is written down again and
// read as the same.

import RelayCore
import RelayTestSupport

enum HandoverTarget {
  static func check(_ input: inout FuzzInput) {
    switch input.byte() & 3 {
    case 0: checkHeader(input.rest())
    case 1: checkFrames(&input)
    default: checkRecord(&input)
    }
  }

  private static func checkHeader(_ bytes: [UInt8]) {
    bytes.inExactMemory { memory in
      var byteCount = 0
      do throws(HandoverFault) {
        let header = try HandoverHeader(reading: memory, byteCount: &byteCount)
        expect(byteCount <= bytes.count, "a header of more bytes than there are")
        let again = header.encoded()
        again.inExactMemory { memory in
          let reread = try? HandoverHeader(reading: memory, byteCount: &byteCount)
          expect(reread == header, "\(header) is read as \(String(describing: reread))")
        }
      } catch {
        expect(!error.description.isEmpty, "a fault without words")
      }
    }
  }

  private static func checkFrames(_ input: inout FuzzInput) {
    let count = Int(input.byte())
    let bytes = input.rest()
    let ranges = bytes.inExactMemory { HandoverRecordFrame.ranges(in: $0, from: 0, count: count) }
    expect(ranges.count <= count, "more records than were asked for")
    for range in ranges.compactMap({ $0 }) {
      expect(range.upperBound <= bytes.count, "a record behind the end")
    }
  }

  // MARK: - Records

  private static func checkRecord(_ input: inout FuzzInput) {
    let driver = CoreDriver(routes)
    let choices = input.byte()
    let inbound = input.take(Int(input.byte()))
    let record = input.rest()
    let peer = driver.makePeer()
    if choices & 1 != 0 { peer.socket.room = Int(choices) }
    var handover = CoreHandover(listenerCount: 1)
    handover.records = [(bytes: record, socket: peer.socket.descriptor)]
    _ = driver.adopt(handover, routes: choices & 2 == 0 ? routes : Array(routes.dropLast()))
    peer.push(inbound)
    driver.settle()
    if choices & 4 != 0 { driver.restart() }
    driver.advance(.seconds(choices & 8 == 0 ? 1 : 40))
    peer.read()
    if choices & 16 != 0 { peer.end() }
    driver.stop()
    expect(driver.recording.misuses.isEmpty, "\(driver.recording.misuses)")
    expect(driver.shard.sessionCount == 0, "\(driver.shard.sessionCount) sessions are left")
    expect(driver.shard.lentBlockCount == 0, "\(driver.shard.lentBlockCount) blocks are left")
    expect(driver.shard.channelCount == 0, "\(driver.shard.channelCount) channels are left")
    expect(peer.socket.isClosed, "the socket is left")
    let recordCount = driver.recording.closed.count + driver.recording.refused.count
    expect(recordCount <= 1, "\(recordCount) records of one connection")
  }

  private static let routes: [Route] = {
    var context = Route(pattern: RoutePattern(literal: "/context"), mode: .echo)
    context.compression = .context
    context.pingInterval = .seconds(3)
    context.maximumConnectionCountPerPeer = 1
    return Route.builtIn + [context]
  }()
}
