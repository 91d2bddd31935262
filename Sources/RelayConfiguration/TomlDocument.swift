// The tree toml++ reads a file into, as Swift values. Knows no keys.

import CTomlPlusPlus

/// One value and where it stands.
struct TomlValue {
  indirect enum Content {
    case string(String)
    case integer(Int)
    case float(Double)
    case boolean(Bool)
    case date(String)
    case array([TomlValue])
    case table(TomlTable)
  }

  var content: Content
  var position: SourcePosition
}

/// A table, or a section of a file, with its entries in the order of the file.
struct TomlTable {
  struct Entry {
    var key: String
    var keyPosition: SourcePosition
    var value: TomlValue
  }

  var entries: [Entry]
  var position: SourcePosition
}

/// Why a text is not a TOML document.
struct TomlSyntaxError: Error {
  var message: String
  var position: SourcePosition?
}

extension TomlTable {
  /// Reads a document; only the first mistake in its syntax is known.
  init(parsing bytes: [UInt8]) throws(TomlSyntaxError) {
    let document = bytes.withUnsafeBytes {
      ctoml_parse($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
    guard let document else { throw TomlSyntaxError(message: "out of memory", position: nil) }
    defer { ctoml_free(document) }
    guard let root = ctoml_root(document) else {
      throw TomlSyntaxError(
        message: String(ctoml_error_message(document)),
        position: SourcePosition(ctoml_error_position(document)))
    }
    self.init(table: root)
  }

  fileprivate init(table: OpaquePointer) {
    entries = children(of: table).map { child in
      Entry(
        key: String(ctoml_node_key(child)),
        keyPosition: SourcePosition(ctoml_node_key_position(child)),
        value: TomlValue(child))
    }
    position = SourcePosition(ctoml_node_position(table))
  }
}

extension TomlValue {
  fileprivate init(_ node: OpaquePointer) {
    content =
      switch ctoml_node_type(node) {
      case CTOML_TABLE: .table(TomlTable(table: node))
      case CTOML_ARRAY: .array(children(of: node).map(TomlValue.init))
      case CTOML_STRING: .string(String(ctoml_string(node)))
      case CTOML_INTEGER: .integer(Int(ctoml_integer(node)))
      case CTOML_FLOAT: .float(ctoml_float(node))
      case CTOML_BOOLEAN: .boolean(ctoml_boolean(node))
      default: .date(String(ctoml_string(node)))
      }
    position = SourcePosition(ctoml_node_position(node))
  }

  /// What was found instead of what was expected, for a message.
  var described: String {
    switch content {
    case .string(let text): "the string \(quoted(shortened(text)))"
    case .integer(let number): "the integer \(number)"
    case .float(let number): "the float \(number)"
    case .boolean(let value): "the boolean \(value)"
    case .date(let text): "the date or time \(text)"
    case .array: "an array"
    case .table: "a table"
    }
  }
}

private func children(of node: OpaquePointer) -> [OpaquePointer] {
  (0..<ctoml_child_count(node)).compactMap { ctoml_child(node, $0) }
}

extension String {
  fileprivate init(_ text: ctoml_text) {
    let bytes = UnsafeRawBufferPointer(start: text.bytes, count: text.byte_count)
    self = String(decoding: bytes, as: UTF8.self)
  }
}

extension SourcePosition {
  fileprivate init(_ position: ctoml_position) {
    self.init(line: Int(position.line), column: Int(position.column))
  }
}

/// A text as a basic string of TOML, which is also how messages quote.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case _ where scalar.value < 0x20 || scalar.value == 0x7F:
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

/// A text cut to what a message can carry.
func shortened(_ text: String) -> String {
  text.unicodeScalars.count <= 80
    ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(77))) + "..."
}
