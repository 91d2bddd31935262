// Files that are no configuration at all: whatever the bytes, there is an answer, and no crash.

import RelayTestSupport
import Testing

@testable import RelayConfiguration

@Suite("Hostile input")
struct HostileInputTests {
  @Test("a byte order mark and CRLF change no position") func lineEnds() throws {
    let text = "# é\r\nthreads = 3\r\n[log]\r\n  levle = \"debug\"\r\n"
    let expected = ["t.conf:4:3: error: unknown key \"levle\" in [log]; did you mean \"level\"?"]
    #expect(diagnostics(text) == expected)
    #expect(diagnostics([0xEF, 0xBB, 0xBF] + Array(text.utf8)) == expected)
    let first = [0xEF, 0xBB, 0xBF] + Array("thread = 1\r\n".utf8)
    do throws(ConfigurationErrors) {
      _ = try ConfigurationFile.load(bytes: first, file: "f")
      Issue.record("thread is no key")
    } catch {
      #expect(
        error.rendered == """
          f:1:1: error: unknown key "thread" at the top level; did you mean "threads"?
             1 | thread = 1
               | ^

          """)
    }
  }

  @Test("a column counts code points") func columns() {
    #expect(diagnostics("log = { \"é\" = 1 }").first?.hasPrefix("t.conf:1:9: error") == true)
    #expect(
      diagnostics("log = { level = \"info\", \"é\" = 1, x = 1 }").last?.hasPrefix("t.conf:1:34:")
        == true)
  }

  @Test(
    "bytes that are not UTF-8, or not text, are one error at their place",
    arguments: [
      ([0x61, 0x3D, 0x22, 0xFF, 0x22], "t.conf:1:4"), ([0x0A, 0x00], "t.conf:2:1"),
      ([0x61, 0x3D, 0x31, 0x0D, 0x62], "t.conf:1:5"), ([0x7F, 0x45, 0x4C, 0x46], "t.conf:1:1"),
      ([0x61, 0x3D, 0x31, 0x0A, 0xC3], "t.conf:2:1"), ([0xEF, 0xBB], "t.conf:1:1"),
    ] as [([UInt8], String)])
  func notText(bytes: [UInt8], place: String) {
    let found = diagnostics(bytes)
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("\(place): error: ") == true, "\(found)")
  }

  @Test("an error at the end of the file has its place in the file") func endOfFile() {
    #expect(diagnostics("a = '''x\n\nbcd\n").first?.hasPrefix("t.conf:3:4: error: ") == true)
    #expect(diagnostics("a = '''x\n\nbcd").first?.hasPrefix("t.conf:3:4: error: ") == true)
  }

  @Test("every prefix of the shipped file is answered") func truncation() throws {
    let bytes = Array(try Repository.read(ShippedFile.path).utf8)
    for count in stride(from: 0, to: bytes.count, by: 23) {
      _ = diagnostics(Array(bytes[..<count]))
    }
  }

  @Test("the shipped file with any byte replaced is answered") func mutation() throws {
    let bytes = Array(try Repository.read(ShippedFile.path).utf8)
    for replacement in Array("[={\"'.\n\\".utf8) + [0x00, 0xC3, 0xFF] {
      for index in stride(from: 0, to: bytes.count, by: 41) {
        var changed = bytes
        changed[index] = replacement
        _ = diagnostics(changed)
      }
    }
  }

  @Test("random bytes are answered") func garbage() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      let count = Int.random(in: 0...200, using: &generator)
      _ = diagnostics((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }
  }

  @Test("nesting is bounded, in values as in dotted keys") func nesting() {
    let count = 100_000
    let deep = [
      "a = " + String(repeating: "[", count: count),
      "a = " + String(repeating: "{a=", count: count),
      "a" + String(repeating: ".a", count: count) + " = 1",
      "[a" + String(repeating: ".a", count: count) + "]",
      "x = { a" + String(repeating: " . 'a'", count: count) + " = 1 }",
    ]
    for text in deep { #expect(diagnostics(text).count == 1, "\(text.prefix(20))") }
    let dots = String(repeating: "a.", count: 40)
    #expect(diagnostics("# \(dots)\n[defaults]\norigins = [] # \(dots)\n").isEmpty)
    #expect(
      diagnostics("\n  \(dots)b = 1") == [
        "t.conf:2:66: error: syntax error: a dotted key has more than 32 parts"
      ])
  }

  @Test("a file that is too large is refused as a whole") func tooLarge() {
    let bytes = [UInt8](repeating: 0x0A, count: ConfigurationFile.maximumByteCount + 1)
    #expect(diagnostics(bytes) == ["t.conf: error: is larger than 1MiB"])
    #expect(diagnostics(Array(bytes.dropLast())).isEmpty)
  }

  @Test("errors beyond what anyone reads are counted, not shown") func manyErrors() {
    let found = diagnostics((0..<5000).map { "wibble\($0) = 1\n" }.joined())
    #expect(found.count == Findings.maximumErrorCount + 1)
    #expect(found.last == "t.conf: error: more than 200 errors; the others are not shown")
  }
}
