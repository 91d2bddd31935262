// Where the messages of a run come from: made up in given sizes, or out of a file.

/// Makes messages.
package enum MessageSource {
  /// Made-up messages, each of the sizes in turn: as many as keep the caches of both ends as busy
  /// as real ones would. Text is English words, so that compressing it means something; other bytes
  /// are random, so that it does not.
  package static func generated(sizes: [Int], isText: Bool) -> [[UInt8]] {
    let largest = sizes.max() ?? 0
    let count = largest <= 4096 ? 64 : largest <= 65_536 ? 16 : 2
    // Whole rounds of the sizes.
    let rounds = max(1, count / max(sizes.count, 1))
    return (0..<rounds * sizes.count).map { index in
      let size = sizes[index % sizes.count]
      return isText ? text(size) : bytes(size)
    }
  }

  private static func bytes(_ size: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    var message: [UInt8] = []
    message.reserveCapacity(size + 8)
    while message.count < size {
      withUnsafeBytes(of: generator.next()) { message.append(contentsOf: $0) }
    }
    return Array(message.prefix(size))
  }

  private static let words = """
    price volume bid ask order trade quote symbol market open close high low update status level \
    user room message channel event time value sensor speed score team player join leave typing
    """.split(separator: " ").map { Array(" \($0)".utf8) }

  private static func text(_ size: Int) -> [UInt8] {
    var message: [UInt8] = []
    message.reserveCapacity(size + 16)
    while message.count < size { message += words.randomElement() ?? [] }
    return Array(message.prefix(size))
  }

  /// The lines of a file, without their ends; nil: there are none.
  package static func lines(_ bytes: [UInt8]) -> [[UInt8]]? {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.isEmpty ? nil : lines.map(Array.init)
  }
}
