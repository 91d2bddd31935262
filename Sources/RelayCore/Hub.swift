// The broadcast channels of one shard: who is a member, and what was published in this turn.

import WebSocketProtocol

/// One broadcast channel: its members in this shard, and the batch being gathered.
public struct Channel {
  var members: UnsafeMutablePointer<SessionPointer>
  var memberCount = 0
  var memberCapacity: Int
  /// Frames published in this turn; nil: none yet.
  var batch: BlockPointer?
  var messageCount = 0
  var payloadByteCount = 0
  /// Members that agreed on compression, with or without a context.
  var compressingMemberCount = 0
  /// The messages of `batch` compressed without a context; only while there are such members.
  var deflatedBatch: BlockPointer?
  var deflatedMessageCount = 0
  var deflatedPayloadByteCount = 0
  /// Which part of the batch is whose, so that a sender is not sent its own.
  var segments: UnsafeMutablePointer<BatchSegment>
  var segmentCount = 0
  var segmentCapacity: Int
  /// How many bytes the last batch had: where the next one starts.
  var expectedByteCount = 1024
  /// Whether it stands in the hub's list of channels to flush.
  var isListed = false
  /// The concrete path.
  let name: String
}

/// A channel by its address, which stays the same for its life.
public typealias ChannelPointer = UnsafeMutablePointer<Channel>

/// Which form of a batch a member is sent.
enum BatchForm {
  /// Every message as it is.
  case plain
  /// Compressed without a context.
  case deflated
}

/// A run of frames in a batch that one session published.
public struct BatchSegment {
  var sender: SessionPointer
  /// The sender's segment before this one; -1: none.
  var previous: Int32
  var range: Range<Int>
  var messageCount: Int
  var payloadByteCount: Int
  /// The same in the compressed form; empty where there is none.
  var deflatedRange = 0..<0
  var deflatedPayloadByteCount = 0
}

/// The channels of one shard, by name.
public struct Hub: ~Copyable {
  private var channels: [String: ChannelPointer] = [:]
  /// Channels with a batch, to be flushed at the end of the turn.
  var listed: [ChannelPointer] = []

  init() {}

  deinit {
    for channel in channels.values { Self.destroy(channel) }
  }

  /// The channel with a name, if it has members here.
  func channel(_ name: String) -> ChannelPointer? { channels[name] }

  /// Channels with members in this shard, or with a batch that is still to be sent.
  public var channelCount: Int { channels.count }

  /// Makes a session a member.
  mutating func join(_ session: SessionPointer, _ name: String) {
    let channel = channels[name] ?? make(name)
    if channel.pointee.memberCount == channel.pointee.memberCapacity { growMembers(channel) }
    channel.pointee.members[channel.pointee.memberCount] = session
    session.pointee.memberIndex = UInt32(channel.pointee.memberCount)
    session.pointee.channel = channel
    channel.pointee.memberCount += 1
    if session.pointee.compression != .none { channel.pointee.compressingMemberCount += 1 }
  }

  /// Ends a membership. The last member takes the vacant place, so a loop over the members that
  /// goes backwards may end the membership of the one it is at.
  mutating func leave(_ session: SessionPointer) {
    guard let channel = session.pointee.channel else { return }
    session.pointee.channel = nil
    channel.pointee.memberCount -= 1
    if session.pointee.compression != .none { channel.pointee.compressingMemberCount -= 1 }
    let last = channel.pointee.members[channel.pointee.memberCount]
    channel.pointee.members[Int(session.pointee.memberIndex)] = last
    last.pointee.memberIndex = session.pointee.memberIndex
    if channel.pointee.memberCount == 0 && !channel.pointee.isListed { remove(channel) }
  }

  /// Frees a channel that has neither members nor a batch.
  mutating func removeIfEmpty(_ channel: ChannelPointer) {
    if channel.pointee.memberCount == 0 && channel.pointee.batch == nil { remove(channel) }
  }

  private mutating func make(_ name: String) -> ChannelPointer {
    let channel = ChannelPointer.allocate(capacity: 1)
    channel.initialize(
      to: Channel(
        members: .allocate(capacity: 4), memberCapacity: 4, segments: .allocate(capacity: 4),
        segmentCapacity: 4, name: name))
    channels[name] = channel
    return channel
  }

  private func growMembers(_ channel: ChannelPointer) {
    let count = channel.pointee.memberCount
    let larger = UnsafeMutablePointer<SessionPointer>.allocate(capacity: count * 2)
    larger.moveInitialize(from: channel.pointee.members, count: count)
    channel.pointee.members.deallocate()
    channel.pointee.members = larger
    channel.pointee.memberCapacity = count * 2
  }

  private mutating func remove(_ channel: ChannelPointer) {
    channels[channel.pointee.name] = nil
    Self.destroy(channel)
  }

  private static func destroy(_ channel: ChannelPointer) {
    channel.pointee.members.deallocate()
    channel.pointee.segments.deallocate()
    channel.deinitialize(count: 1)
    channel.deallocate()
  }
}

extension UnsafeMutablePointer where Pointee == Channel {
  /// Notes that a session published a frame, the range of the batch that it takes.
  @inline(__always)
  func noteSegment(_ sender: SessionPointer, _ range: Range<Int>, payloadByteCount: Int) {
    let own = Int(sender.pointee.ownSegment)
    if own >= 0 && pointee.segments[own].range.upperBound == range.lowerBound {
      pointee.segments[own].range = pointee.segments[own].range.lowerBound..<range.upperBound
      pointee.segments[own].messageCount &+= 1
      pointee.segments[own].payloadByteCount &+= payloadByteCount
    } else {
      addSegment(
        BatchSegment(
          sender: sender, previous: Int32(own), range: range, messageCount: 1,
          payloadByteCount: payloadByteCount))
    }
  }

  /// Notes which range of the compressed form the frame that was noted last takes there.
  func noteDeflatedSegment(
    _ sender: SessionPointer, _ range: Range<Int>, payloadByteCount: Int
  ) {
    let own = Int(sender.pointee.ownSegment)
    let known = pointee.segments[own].deflatedRange
    let start = known.isEmpty ? range.lowerBound : known.lowerBound
    pointee.segments[own].deflatedRange = start..<range.upperBound
    pointee.segments[own].deflatedPayloadByteCount += payloadByteCount
  }

  @inline(never)
  private func addSegment(_ segment: BatchSegment) {
    if pointee.segmentCount == pointee.segmentCapacity {
      let larger = UnsafeMutablePointer<BatchSegment>.allocate(
        capacity: pointee.segmentCapacity * 2)
      larger.moveInitialize(from: pointee.segments, count: pointee.segmentCount)
      pointee.segments.deallocate()
      pointee.segments = larger
      pointee.segmentCapacity *= 2
    }
    pointee.segments[pointee.segmentCount] = segment
    segment.sender.pointee.ownSegment = Int32(pointee.segmentCount)
    pointee.segmentCount += 1
  }

  /// Takes the compressed form of the batch, to be given back.
  func takeDeflatedBatch() -> BlockPointer? {
    defer { pointee.deflatedBatch = nil }
    pointee.deflatedMessageCount = 0
    pointee.deflatedPayloadByteCount = 0
    return pointee.deflatedBatch
  }

  /// Empties the batch; returns its block, to be given back.
  func takeBatch() -> BlockPointer? {
    for index in 0..<pointee.segmentCount {
      pointee.segments[index].sender.pointee.ownSegment = -1
    }
    pointee.segmentCount = 0
    pointee.messageCount = 0
    pointee.payloadByteCount = 0
    let batch = pointee.batch
    pointee.batch = nil
    if let batch { pointee.expectedByteCount = max(batch.pointee.end, 1024) }
    return batch
  }
}
