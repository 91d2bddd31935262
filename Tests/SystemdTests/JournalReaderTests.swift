// Reading a real journal file: places, matches, fields, and files that are none.

import Foundation
import Glibc
import RelayTestSupport
import Testing

@testable import Systemd

@Suite("Reading a journal")
struct JournalReaderTests {
  private static let start: UInt64 = 1_795_514_400_000_000

  /// Six entries a second apart: N = 0…5, KIND even or odd, and SIZE = small below 3.
  private static func text() -> ExportText {
    var text = ExportText()
    for number in 0..<6 {
      text.append(
        time: start + UInt64(number) * 1_000_000,
        [
          "N": "\(number)", "KIND": number % 2 == 0 ? "even" : "odd",
          "SIZE": number < 3 ? "small" : "large", "MESSAGE": "entry \(number)",
        ])
    }
    return text
  }

  private static func numbers(_ reader: inout JournalReader) throws -> [String] {
    var numbers: [String] = []
    while try reader.next() {
      numbers.append(String(decoding: try reader.value(of: "N") ?? [], as: UTF8.self))
    }
    return numbers
  }

  @Test("Entries come in order, from a time on, and backwards")
  func places() throws {
    let directory = try JournalDirectory()
    var reader = try JournalReader(.files([directory.journal(of: Self.text())]))
    #expect(try Self.numbers(&reader) == ["0", "1", "2", "3", "4", "5"])
    try reader.seek(toMicroseconds: Self.start + 3_500_000)
    #expect(try Self.numbers(&reader) == ["4", "5"])
    try reader.seekTail()
    #expect(try reader.previous())
    #expect(try reader.value(of: "N") == Array("5".utf8))
    #expect(try reader.realtime() == Self.start + 5_000_000)
    #expect(try reader.previous())
    #expect(try reader.value(of: "N") == Array("4".utf8))
    try reader.seekHead()
    #expect(try reader.next())
    #expect(try reader.value(of: "N") == Array("0".utf8))
    #expect(try reader.value(of: "NOT_THERE") == nil)
  }

  @Test("Matches are alternatives and conditions as sd_journal_add_match(3) says")
  func matches() throws {
    let directory = try JournalDirectory()
    let path = try directory.journal(of: Self.text())
    let cases: [([JournalReader.Match], [String])] = [
      ([.field("KIND", equals: "odd")], ["1", "3", "5"]),
      ([.field("N", equals: "1"), .field("N", equals: "4")], ["1", "4"]),
      ([.field("KIND", equals: "odd"), .field("SIZE", equals: "small")], ["1"]),
      (
        [
          .field("KIND", equals: "odd"), .field("SIZE", equals: "small"), .or,
          .field("N", equals: "4"),
        ],
        ["1", "4"]
      ),
      (
        [
          .field("KIND", equals: "odd"), .or, .field("N", equals: "2"), .and,
          .field("SIZE", equals: "small"),
        ],
        ["1", "2"]
      ),
      ([.field("KIND", equals: "neither")], []),
    ]
    for (matches, expected) in cases {
      var reader = try JournalReader(.files([path]), matching: matches)
      #expect(try Self.numbers(&reader) == expected, "\(matches)")
    }
  }

  @Test("Every field of an entry is shown with its bytes as they are")
  func fields() throws {
    let binary: [UInt8] = [0, 10, 0x3D, 0xFF, 0x1B] + Array("=x".utf8)
    var text = ExportText()
    text.append(time: Self.start, [("PLAIN", Array("a=b".utf8)), ("BINARY", binary)])
    let directory = try JournalDirectory()
    var reader = try JournalReader(.files([directory.journal(of: text)]))
    #expect(try reader.next())
    var found: [String: [UInt8]] = [:]
    try reader.forEachField { name, value in
      found[String(decoding: name, as: UTF8.self)] = Array(value)
    }
    #expect(found["PLAIN"] == Array("a=b".utf8))
    #expect(found["BINARY"] == binary)
    #expect(try reader.value(of: "BINARY") == binary)
  }

  @Test("Giving memory back keeps the place, and the entry can still be read")
  func releases() throws {
    let directory = try JournalDirectory()
    var reader = try JournalReader(
      .files([directory.journal(of: Self.text())]), matching: [.field("KIND", equals: "even")])
    var numbers: [String] = []
    while try reader.next() {
      try reader.releaseMemory()
      numbers.append(String(decoding: try reader.value(of: "N") ?? [], as: UTF8.self))
    }
    #expect(numbers == ["0", "2", "4"])
  }

  @Test("Several files are read as one, in the order of time")
  func files() throws {
    let directory = try JournalDirectory()
    var late = ExportText()
    late.append(time: Self.start + 2_500_000, ["N": "between"])
    let paths = [
      try directory.journal(of: late, named: "late.journal"),
      try directory.journal(of: Self.text()),
    ]
    var reader = try JournalReader(.files(paths))
    #expect(try Self.numbers(&reader) == ["0", "1", "2", "between", "3", "4", "5"])
  }

  @Test("A missing file, a file of another kind and one that is cut short are errors")
  func errors() throws {
    let directory = try JournalDirectory()
    let good = try directory.journal(of: Self.text())
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: good)))
    let cases: [(String, Int32)] = [
      ("\(directory.path)/missing.journal", ENOENT),
      (try directory.write(Array("hello".utf8), to: "text.journal"), ENODATA),
      (try directory.write(Array(bytes.prefix(bytes.count / 2)), to: "cut.journal"), ENODATA),
      (
        try directory.write(
          [UInt8](repeating: 0x20, count: bytes.count), to: "blank.journal"), EBADMSG
      ),
    ]
    for (path, number) in cases {
      let error = #expect(throws: SystemdError.self) { _ = try JournalReader(.files([path])) }
      #expect(error?.errorNumber == number, "\(path): \(error.map(String.init) ?? "")")
    }
  }

  @Test("A damaged file is given up, and its size is no longer counted")
  func damage() throws {
    let directory = try JournalDirectory()
    let good = try directory.journal(of: Self.text())
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: good)))
    // The header stays whole, so that the file opens; all behind the fourth entry's data is lost.
    let needle = Array("N=3".utf8)
    let place = try #require(bytes.firstRange(of: needle)).lowerBound
    for index in place..<bytes.count { bytes[index] = 0xA5 }
    let path = try directory.write(bytes, to: "damaged.journal")
    var reader = try JournalReader(.files([path]))
    let size = try reader.byteCount
    #expect(size > 0)
    var count = 0
    while try reader.next() { count += 1 }
    #expect(count < 6)
    #expect(try reader.byteCount < size)
  }
}
