// The shipped file, the manual page and the key table say the same.
// `WSRELAY_REGENERATE=1 swift test --filter DocumentationTests` brings the two files up to date.

import Testing

@testable import RelayConfiguration

@Suite("Shipped file and manual page")
struct DocumentationTests {
  init() throws {
    guard Repository.regenerates else { return }
    try Repository.write(ShippedFile.text, to: ShippedFile.path)
    let page = try Repository.read(ManualPage.path)
    try Repository.write(ManualPage.updated(page), to: ManualPage.path)
  }

  @Test("the shipped file is exactly what holds without a file")
  func shippedFileIsBuiltIn() throws {
    let loaded = try load(Repository.read(ShippedFile.path))
    #expect(loaded.configuration == .builtIn)
    #expect(loaded.advice.isEmpty)
  }

  @Test("the shipped file has every key, its default and its meaning")
  func shippedFileIsComplete() throws {
    let text = try Repository.read(ShippedFile.path)
    #expect(text == ShippedFile.text)
    for section in Section.allCases {
      for key in Keys.descriptions(of: section) {
        #expect(text.contains("\(key.name) = "), "\(key.name)")
        #expect(text.contains("# \(key.meaning)\n"), "\(key.name)")
      }
    }
  }

  @Test("the manual page has every key as the table describes it")
  func manualPageIsComplete() throws {
    let page = try Repository.read(ManualPage.path)
    #expect(page == ManualPage.updated(page))
    for section in ManualPage.sections {
      #expect(page.contains(ManualPage.list(of: section)), "\(section.heading)")
    }
  }

  @Test("no key is without a word on what it means")
  func everyKeyIsExplained() {
    for section in Section.allCases {
      let keys = Keys.descriptions(of: section)
      #expect(!keys.isEmpty)
      #expect(Set(keys.map(\.name)).count == keys.count)
      for key in keys {
        #expect(!key.meaning.isEmpty && !key.meaning.hasSuffix("."), "\(key.name)")
        #expect(key.details.hasSuffix("."), "\(key.name)")
      }
    }
  }
}
