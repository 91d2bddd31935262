// The corpus of bad files: each input with exactly what an operator gets to see.

import RelayCore
import Testing

@testable import RelayConfiguration

/// One case of `Corpus/errors.txt`: a `=== name` line, the input, a `---` line, the output.
struct CorpusCase: CustomTestStringConvertible {
  var name: String
  var input: String
  var output: String

  var testDescription: String { name }

  static let path = "Tests/RelayConfigurationTests/Corpus/errors.txt"

  static func parse(_ text: String) -> [CorpusCase] {
    text.split(separator: "=== ", omittingEmptySubsequences: true).compactMap { block in
      guard let nameEnd = block.firstIndex(of: "\n") else { return nil }
      let rest = block[block.index(after: nameEnd)...]
      guard let bar = rest.firstRange(of: "---\n") else { return nil }
      return CorpusCase(
        name: String(block[..<nameEnd]), input: String(rest[..<bar.lowerBound]),
        output: String(rest[bar.upperBound...]))
    }
  }

  var text: String { "=== \(name)\n\(input)---\n\(output)" }

  var rendered: String {
    do throws(ConfigurationErrors) {
      let loaded = try ConfigurationFile.load(
        bytes: Array(input.utf8), file: "/etc/wsrelay.conf", descriptorLimit: 1000)
      return loaded.advice.map { $0.rendered + "\n" }.joined()
    } catch {
      return error.rendered
    }
  }
}

@Suite("Error corpus")
struct ErrorCorpusTests {
  @Test("what an operator sees for each bad file") func rendering() throws {
    let cases = CorpusCase.parse(try Repository.read(CorpusCase.path))
    #expect(cases.count > 20)
    if Repository.regenerates {
      let updated = cases.map { bad in
        var new = bad
        new.output = bad.rendered
        return new.text
      }
      try Repository.write(updated.joined(), to: CorpusCase.path)
      return
    }
    for bad in cases { #expect(bad.rendered == bad.output, "\(bad.name)") }
  }
}
