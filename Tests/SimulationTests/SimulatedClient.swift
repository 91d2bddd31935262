// One client of a simulated relay: what it sends and when, how it reads, how it ends; and what it
// must have been sent. Its choices come from its own generator: they depend on nothing else.

import RelayTestSupport
import WebSocketProtocol

@testable import RelayCore

/// How a client behaves.
struct ClientHabits {
  enum End { case close, closeAndFin, fin, reset, vanish, stay }

  var path: String
  var end: End
  var messageCount: Int
  /// Bytes it reads a step; nil: all there is.
  var readByteCount: Int?
  var answersPings: Bool
  var answersClose: Bool
  /// The request comes byte by byte.
  var dribbles: Bool
  /// The message in whose place it breaks the protocol; nil: it never does.
  var nonsenseAt: Int?

  init(_ random: inout SeededGenerator) {
    path = random.pick(["/echo", "/echo", "/b", "/b", "/b/own", "/newest", "/oldest", "/nowhere"])
    end = random.pick([.close, .close, .closeAndFin, .fin, .reset, .reset, .vanish, .stay, .stay])
    messageCount = random.below(30)
    readByteCount = random.once(in: 4) ? random.pick([0, 40, 700, 5000]) : nil
    answersPings = !random.once(in: 6)
    answersClose = !random.once(in: 6)
    dribbles = random.once(in: 10)
    nonsenseAt = random.once(in: 6) ? random.below(messageCount + 1) : nil
  }
}

/// A client and the network between it and its worker.
final class SimulatedClient {
  let id: Int
  let worker: Int
  let socket: RecordedSocket
  var habits: ClientHabits
  var random: SeededGenerator
  var session: SessionPointer?

  // Towards the relay.
  private(set) var inFlight: [UInt8] = []
  private var inFlightStart = 0
  private(set) var hasEnded = false
  var error: Int32 = 0
  private var dribble: [UInt8] = []
  /// Messages sent so far; their numbers are below this.
  private(set) var sentCount = 0
  private var pendingFragments: [CoreFrame] = []
  private(set) var hasClosed = false
  private var isBroken = false
  private var isGone = false

  // From the relay.
  private var seenByteCount = 0
  private var head: [UInt8] = []
  private(set) var reader = CoreFrameReader()
  private(set) var isOpen = false
  private(set) var relayClosed = false
  /// The last number received from each client, and the first.
  private(set) var lastNumbers: [Int: Int] = [:]
  private(set) var firstNumbers: [Int: Int] = [:]
  private(set) var echoedCount = 0
  /// By sender: the first message sent after this one was in.
  var owedFrom: [Int: Int] = [:]
  private(set) var fault: String?

  // As the relay saw it.
  var lastInbound: Instant
  let acceptedAt: Instant
  var seenCause: CloseCause?

  init(id: Int, worker: Int, socket: RecordedSocket, seed: UInt64, now: Instant) {
    self.id = id
    self.worker = worker
    self.socket = socket
    random = SeededGenerator(seed: seed &* 1009 &+ UInt64(id))
    habits = ClientHabits(&random)
    lastInbound = now
    acceptedAt = now
    socket.room = random.pick([0, 100, 4096, 200_000])
    // `RecordedSocket` does not outlive the simulation, which holds this client too.
    socket.largestSend = { [unowned self] in
      self.random.once(in: 3) ? self.random.below(3000) : .max
    }
    let request = CoreDriver.request("\(habits.path)?client=\(id)")
    if habits.dribbles { dribble = request } else { push(request) }
  }

  var isBroadcast: Bool { habits.path != "/echo" && habits.path != "/nowhere" }
  var keepsAll: Bool { ["/b", "/b/own", "/echo"].contains(habits.path) }
  var inFlightCount: Int { inFlight.count - inFlightStart }
  var isReadable: Bool {
    !socket.isClosed && (error != 0 || socket.isReading && (inFlightCount > 0 || hasEnded))
  }

  private func push(_ bytes: [UInt8]) {
    if !hasEnded && !isGone { inFlight += bytes }
  }

  /// Takes bytes off the network, as a receive call does.
  func take(_ space: UnsafeMutableRawBufferPointer, atMost limit: Int) -> Int {
    let count = min(space.count, inFlightCount, limit)
    space.copyBytes(from: inFlight[inFlightStart..<(inFlightStart + count)])
    inFlightStart += count
    if inFlightStart == inFlight.count {
      inFlight = []
      inFlightStart = 0
    }
    return count
  }

  // MARK: - What it does in a step

  /// Reads, answers, and while `isActive` sends and ends.
  func act(isActive: Bool) {
    if socket.isClosed || isGone { return }
    if let byteCount = habits.readByteCount {
      socket.room = min(socket.room + byteCount, 300_000)
    } else {
      socket.room = max(socket.room, 300_000)
    }
    read()
    if !dribble.isEmpty {
      let count = min(dribble.count, 1 + random.below(3))
      push(Array(dribble[..<count]))
      dribble.removeFirst(count)
    }
    guard isOpen, !hasClosed, !hasEnded, isActive, random.once(in: 2) else { return }
    if !pendingFragments.isEmpty {
      push(pendingFragments.removeFirst().masked(random.bytes(4)))
    } else if sentCount == habits.nonsenseAt && !isBroken {
      isBroken = true
      push(nonsense())
    } else if sentCount < habits.messageCount {
      sendMessage()
    } else if random.once(in: 6) {
      end()
    }
  }

  private func sendMessage() {
    let frame = Self.message(id, sentCount, random.size(atMost: 70_000))
    sentCount += 1
    // After a breach of the protocol nothing is a message any more.
    if isBroken { sentCount -= 1 }
    if random.once(in: 4) {
      let cut = random.below(frame.payload.count + 1)
      pendingFragments = [
        CoreFrame(frame.opcode, Array(frame.payload[..<cut])), .ping(random.bytes(random.below(9))),
        CoreFrame(0x80, Array(frame.payload[cut...])),
      ]
      push(pendingFragments.removeFirst().masked(random.bytes(4)))
    } else {
      push(frame.masked(random.bytes(4)))
    }
  }

  private func nonsense() -> [UInt8] {
    let wrong: [CoreFrame] = [
      CoreFrame(0xC1, [1]), CoreFrame(0x83), CoreFrame(0x09), CoreFrame(0x80, [1]),
      CoreFrame(0x81, [0xC3, 0x28]), CoreFrame(0x88, [1]), .close(1005), .close(1000, "\u{0}"),
      CoreFrame(0x88, [3, 0xE8, 0xFF]), CoreFrame(0x89, Array(repeating: 0, count: 126)),
      CoreFrame(0x82, Array(repeating: 0, count: 100_001)),
    ]
    // Its first byte sees to it that noise never happens to be a message.
    if random.once(in: 4) { return [0x70 | UInt8(random.below(256))] + random.bytes(200) }
    return random.once(in: 5) ? CoreFrame.text("unmasked").fromServer : random.pick(wrong).masked()
  }

  /// Ends the connection in the client's way.
  func end() {
    switch habits.end {
    case .close, .closeAndFin:
      hasClosed = true
      push(CoreFrame.close(random.pick([nil, 1000, 1001, 1011, 4000])).masked())
      if habits.end == .closeAndFin { hasEnded = true }
    case .fin: hasEnded = true
    case .reset:
      for _ in 0..<random.below(3) where !isBroken && pendingFragments.isEmpty { sendMessage() }
      if random.once(in: 2) { push(CoreFrame.close(1000).masked()) }
      fail(random.pick([104, 32]))
    case .vanish: vanish()
    case .stay: break
    }
  }

  /// Closes whatever its habits are.
  func close() {
    if isGone || hasClosed || hasEnded { return }
    habits.end = .close
    end()
  }

  private func vanish() {
    isGone = true
    // Sooner or later the kernel gives up, if there is anything it cannot deliver.
    if random.once(in: 2) { fail(random.pick([110, 113])) }
  }

  func fail(_ errno: Int32) {
    error = errno
    socket.sendError = errno == 104 ? random.pick([32, 104]) : errno
    isGone = true
  }

  // MARK: - What it is sent

  /// Looks at what its socket took since the last time.
  func read() {
    guard fault == nil, seenByteCount < socket.sent.count else { return endIfRelayEnded() }
    var fresh = socket.sent[seenByteCount...]
    seenByteCount = socket.sent.count
    if !isOpen {
      head += fresh
      guard let end = head.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return }
      guard head.starts(with: Array("HTTP/1.1 101 ".utf8)) else { return endIfRelayEnded() }
      isOpen = true
      fresh = head[end...]
    }
    reader.read(fresh)
    fault = fault ?? reader.fault
    for frame in reader.takeFrames() where fault == nil { receive(frame) }
    endIfRelayEnded()
  }

  private func endIfRelayEnded() {
    if socket.hasEndedSending && habits.answersClose { hasEnded = true }
  }

  private func receive(_ frame: CoreFrame) {
    switch frame.opcode {
    case 8:
      relayClosed = true
      if !hasClosed && habits.answersClose {
        hasClosed = true
        push(CoreFrame(0x88, frame.payload).masked())
      }
      if habits.answersClose && random.once(in: 3) { hasEnded = true }
    case 9:
      if habits.answersPings { push(CoreFrame.pong(frame.payload).masked(random.bytes(4))) }
    case 10: break
    default: receiveMessage(frame)
    }
  }

  private func receiveMessage(_ frame: CoreFrame) {
    let parts = frame.payload.prefix { $0 != UInt8(ascii: ":") }.split(separator: 46)
      .compactMap { Int(String(decoding: $0, as: UTF8.self)) }
    guard parts.count == 3, Self.message(parts[0], parts[1], parts[2]) == frame else {
      fault = "an altered message \(frame)"
      return
    }
    let (sender, number) = (parts[0], parts[1])
    if habits.path == "/echo" {
      if sender != id || number != echoedCount { fault = "echo of \(sender).\(number)" }
      echoedCount += 1
      return
    }
    if sender == id && habits.path != "/b/own" { fault = "its own message" }
    if let last = lastNumbers[sender], keepsAll ? number != last + 1 : number <= last {
      fault = "\(sender).\(number) after \(sender).\(last)"
    }
    if let owed = owedFrom[sender], keepsAll, lastNumbers[sender] == nil, number > owed {
      fault = "\(sender).\(number) though owed from \(owed)"
    }
    lastNumbers[sender] = number
    if firstNumbers[sender] == nil { firstNumbers[sender] = number }
  }

  /// The message with a number: who gets it can tell whether anything is missing or altered.
  static func message(_ id: Int, _ number: Int, _ size: Int) -> CoreFrame {
    let prefix = Array("\(id).\(number).\(size):".utf8)
    return CoreFrame(
      (id + number) % 2 == 0 ? 0x81 : 0x82,
      prefix + Array(repeating: UInt8(97 + (id + number) % 26), count: size))
  }
}
