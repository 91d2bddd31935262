// The bytes of one input: choices first, then what is fed to the code under test. An input that
// ends early chooses 0, so that every input is a lawful one and each can be shortened.

/// An input, read from its front.
struct FuzzInput {
  private var bytes: [UInt8]
  private var position = 0

  init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  var isEmpty: Bool { position == bytes.count }

  /// The next byte.
  mutating func byte() -> UInt8 {
    guard !isEmpty else { return 0 }
    defer { position += 1 }
    return bytes[position]
  }

  /// One of the elements, of which there must be some.
  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int(byte()) % elements.count]
  }

  /// The next bytes, fewer if there are not so many.
  mutating func take(_ count: Int) -> [UInt8] {
    let end = min(position + count, bytes.count)
    defer { position = end }
    return Array(bytes[position..<end])
  }

  /// All that is left.
  mutating func rest() -> [UInt8] { take(bytes.count) }

  /// Up to seven sizes, each at least 1, in which what follows them is to be delivered.
  mutating func cuts() -> [Int] {
    let count = Int(byte() & 7)
    return (0..<count).map { _ in Int(byte()) + 1 }
  }
}

extension [UInt8] {
  /// The bytes in memory of just their size, so that the address sanitizer sees a read past them.
  func inExactMemory<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: self)
    return body(UnsafeRawBufferPointer(memory))
  }

  /// The bytes in pieces of these sizes, over and over; in one piece if there are none.
  func pieces(_ sizes: [Int]) -> [[UInt8]] {
    guard !sizes.isEmpty else { return [self] }
    var pieces: [[UInt8]] = []
    var start = 0
    while start < count {
      let end = Swift.min(start + sizes[pieces.count % sizes.count], count)
      pieces.append(Array(self[start..<end]))
      start = end
    }
    return pieces
  }
}
