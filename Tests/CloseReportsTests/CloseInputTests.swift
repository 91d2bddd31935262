// Inputs that are damaged, hostile, or something else altogether.

import CloseEvents
import Foundation
import RelayTestSupport
import Testing

@testable import CloseReports

@Suite("Close inputs")
struct CloseInputTests {
  /// Reads bytes as an export; returns how many closes there were, and the damage.
  private static func read(_ bytes: [UInt8]) throws -> (count: UInt64, damage: DamagedPlace?) {
    let directory = try JournalDirectory()
    var warnings: [String] = []
    let input = try CloseInput.open(directory.write(bytes, to: "export"), warnings: &warnings)
    var count: UInt64 = 0
    let damage = try input.forEach(CloseQuery(span: .all), wanted: [.cause]) { kind, _ in
      if kind == .close { count += 1 }
      return true
    }
    return (count, damage)
  }

  private static func closes(_ count: Int) -> [UInt8] {
    var text = ExportText()
    for number in 0..<count {
      text.close(sampleStart + UInt64(number), "peer-close", 1000, "yes", lifetime: 1)
    }
    return text.bytes
  }

  @Test("A whole export has no damage")
  func whole() throws {
    let (count, damage) = try Self.read(Self.closes(500))
    #expect(count == 500 && damage == nil)
  }

  @Test("Wherever an export is cut, what came before is read and the place is told")
  func cut() throws {
    let bytes = Self.closes(3)
    let entry = bytes.count / 3
    for end in stride(from: 1, to: bytes.count, by: 7) {
      let (count, damage) = try Self.read(Array(bytes.prefix(end)))
      #expect(count == UInt64(end / entry))
      guard end % entry != 0 else { continue }
      guard case .byte(let place, _, 1) = damage else {
        Issue.record("cut at \(end): \(String(describing: damage))")
        continue
      }
      #expect(place <= UInt64(end) && place >= UInt64(end / entry * entry))
    }
  }

  @Test("Rubbish between entries costs none of its neighbours")
  func rubbish() throws {
    let good = Self.closes(1)
    let size: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
    let binary = { (size: [UInt8]) in
      Array("__REALTIME_TIMESTAMP=1\nMESSAGE\n".utf8) + size + Array("abc\n\n".utf8)
    }
    for bad in [
      Array("no field\n\n".utf8), Array("=x\n\n".utf8), Array("lower=x\n\n".utf8),
      Array("MESSAGE=without a time\n\n".utf8), Array("\u{1B}[2J\n\n".utf8), binary(size),
      binary([1, 0, 0, 0, 0, 0, 0, 0]),
      [UInt8](repeating: 0x41, count: 300_000) + Array("\n\n".utf8),
    ] {
      let (count, damage) = try Self.read(good + bad + good)
      #expect(count == 2, "\(String(decoding: bad.prefix(40), as: UTF8.self))")
      guard case .byte(let place, _, 1) = damage else {
        Issue.record("no damage: \(String(describing: damage))")
        continue
      }
      #expect(place >= UInt64(good.count) && place < UInt64(good.count + bad.count))
    }
  }

  @Test("A field of a megabyte, binary or not, is read over")
  func largeField() throws {
    for filler: UInt8 in [0x41, 0x0A] {
      var text = ExportText()
      text.append(
        time: sampleStart,
        [
          ("WSRELAY_ROUTE", [UInt8](repeating: filler, count: 1 << 20)),
          ("WSRELAY_EVENT", Array("close".utf8)),
        ])
      let (count, damage) = try Self.read(text.bytes + Self.closes(1))
      #expect(count == 2 && damage == nil)
    }
  }

  @Test("A journal through a pipe is named as such; a missing file and an empty folder are errors")
  func others() throws {
    let directory = try JournalDirectory()
    let pipe = Pipe()
    pipe.fileHandleForWriting.write(Data(CloseInput.signature + [UInt8](repeating: 0, count: 300)))
    try pipe.fileHandleForWriting.close()
    let descriptor = dup(pipe.fileHandleForReading.fileDescriptor)
    let damage = try CloseInput.export(descriptor: descriptor, name: "pipe")
      .forEach(CloseQuery(span: .all), wanted: []) { _, _ in true }
    guard case .byte(0, let problem, _) = damage else {
      Issue.record("no damage")
      return
    }
    #expect(problem.contains("name the file"))
    var warnings: [String] = []
    for path in ["\(directory.path)/missing", directory.path] {
      let error = #expect(throws: CloseInput.Failure.self) {
        _ = try CloseInput.open(path, warnings: &warnings)
      }
      guard case .noInput = error else {
        Issue.record("\(path): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("A file that is no journal at all is known as such, one that is merely damaged is not")
  func foreign() throws {
    let directory = try JournalDirectory()
    for (bytes, isForeign) in [
      (Array("root:x:0:0:root\n".utf8), true), (Self.closes(1).dropLast(9), false), ([], false),
    ] {
      var warnings: [String] = []
      let input = try CloseInput.open(
        directory.write(Array(bytes), to: "export"), warnings: &warnings)
      var report = CloseReport(CloseQuery(span: .all), of: input, clock: .utc)
      _ = try report.tally(by: .cause)
      #expect(report.isForeign == isForeign)
    }
  }

  @Test("In a folder, a journal that is cut short is left out, and that is said")
  func folder() throws {
    let directory = try JournalDirectory()
    let good = try directory.journal(of: .hour)
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: good)))
    let cut = try directory.write(Array(bytes.prefix(bytes.count / 2)), to: "cut.journal")
    var warnings: [String] = []
    let input = try CloseInput.open(directory.path, warnings: &warnings)
    #expect(input == .journal([good], name: directory.path))
    #expect(warnings.count == 1 && warnings.first?.hasPrefix("\(cut): cut short") == true)
    #expect(throws: CloseInput.Failure.self) { _ = try CloseInput.open(cut, warnings: &warnings) }
  }

  @Test("A journal that is damaged further in gives what it can, and where it ends")
  func damagedJournal() throws {
    let directory = try JournalDirectory()
    let good = try directory.journal(of: .hour)
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: good)))
    // The lifetime of the close in the middle of the hour, and whatever lies behind it.
    let middle = Array("WSRELAY_DURATION_USEC=450000000".utf8)
    let place = try #require(bytes.firstRange(of: middle)).lowerBound
    for index in place..<bytes.count { bytes[index] = 0xA5 }
    let path = try directory.write(bytes, to: "damaged.journal")
    var warnings: [String] = []
    var report = CloseReport(
      CloseQuery(span: .all), of: try CloseInput.open(path, warnings: &warnings), clock: .utc)
    let tally = try report.tally(by: .cause)
    #expect(tally.count > 0 && tally.count < 120)
    #expect(report.remarks.count == 1)
  }

  @Test("Files that a user may not read are told from a journal that is not there")
  func permission() throws {
    let directory = try JournalDirectory()
    #expect(LocalJournal.obstacle(in: [directory.path, "/nowhere"]) == .noJournal)
    let machine = "\(directory.path)/machine"
    try FileManager.default.createDirectory(
      atPath: machine, withIntermediateDirectories: true)
    let file = try directory.write([], to: "machine/system.journal")
    #expect(LocalJournal.obstacle(in: [directory.path]) == nil)
    chmod(file, 0)
    // Root may read everything.
    #expect(LocalJournal.obstacle(in: [directory.path]) == (geteuid() == 0 ? nil : .noPermission))
  }
}
