// The configuration file: any bytes are answered, each error has its place within the file, and
// what was understood can be printed and read back.

import RelayConfiguration

enum ConfigurationTarget {
  static func check(_ input: inout FuzzInput) {
    let bytes = input.rest()
    do throws(ConfigurationErrors) {
      let loaded = try ConfigurationFile.load(bytes: bytes, file: "fuzz.conf")
      checkPlaces(loaded.advice, bytes)
      checkEffectiveText(loaded)
    } catch {
      expect(error.diagnostics.contains { $0.severity == .error }, "refused without an error")
      checkPlaces(error.diagnostics, bytes)
    }
  }

  private static func checkPlaces(_ diagnostics: [Diagnostic], _ bytes: [UInt8]) {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for diagnostic in diagnostics {
      expect(!diagnostic.message.isEmpty, "a diagnostic without a message")
      let isPlain = diagnostic.rendered.unicodeScalars.allSatisfy {
        $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control
      }
      expect(isPlain, "a control character in \(diagnostic.rendered)")
      guard let position = diagnostic.position else { continue }
      expect((1...lines.count).contains(position.line), "\(diagnostic): no such line")
      let length = String(decoding: lines[position.line - 1], as: UTF8.self).unicodeScalars.count
      // The end of the line has a place of its own.
      expect((1...length + 1).contains(position.column), "\(diagnostic): no such column")
    }
  }

  private static func checkEffectiveText(_ loaded: LoadedConfiguration) {
    let text = loaded.effectiveText()
    do throws(ConfigurationErrors) {
      let again = try ConfigurationFile.load(bytes: Array(text.utf8), file: "effective.conf")
      expect(again.configuration == loaded.configuration, "another configuration from \(text)")
    } catch {
      fatalError("\(error.rendered) in \(text)")
    }
  }
}
