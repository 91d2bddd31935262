// UTF-8: five ways to the same verdict. The incremental validator at every split, with vectors,
// without, unmasked on the way, and the standard library's.

import WebSocketProtocol

enum UTF8Target {
  static func check(_ input: inout FuzzInput) {
    // Text in front moves the rest through all places in a vector.
    let padding = [UInt8](repeating: UInt8(ascii: "a"), count: Int(input.byte()) % 100)
    let bytes = padding + input.rest()
    let isValid = String(validating: bytes, as: UTF8.self) != nil
    bytes.inExactMemory { memory in
      guard let start = memory.baseAddress else { return }
      let count = memory.count
      expect(UTF8Validator.isValid(start, count) == isValid, "isValid is not \(isValid)")
      expect(UTF8Validator.isValidPortable(start, count) == isValid, "portable: not \(isValid)")
      if let verdict = UTF8Validator.isValidVectorised(start, count) {
        expect(verdict == isValid, "vectorised: not \(isValid)")
      }
    }
    checkUnmasking(bytes, isValid)
    for split in max(0, padding.count - 1)...bytes.count { checkSplit(bytes, split, isValid) }
    checkBytewise(bytes, isValid)
  }

  private static func checkUnmasking(_ bytes: [UInt8], _ isValid: Bool) {
    let key: UInt32 = 0xD4C3_80A1
    let keyBytes = withUnsafeBytes(of: key, Array.init)
    let masked = bytes.enumerated().map { index, byte in byte ^ keyBytes[index & 3] }
    masked.inExactMemory { source in
      guard let start = source.baseAddress else { return }
      var plain = [UInt8](repeating: 0, count: bytes.count)
      plain.withUnsafeMutableBytes { destination in
        let verdict = UTF8Validator.isValidInOnePass(
          unmasking: start, source.count, key, to: destination.baseAddress!)
        expect(verdict ?? isValid == isValid, "in one pass: not \(isValid)")
        expect(verdict == nil || !isValid || destination.elementsEqual(bytes), "not unmasked")
      }
      for split in 0...source.count {
        var validator = UTF8Validator()
        var reference = UTF8Validator()
        plain.withUnsafeMutableBytes { destination in
          for part in [0..<split, split..<source.count] {
            let rotated = Masking.rotate(key, past: part.lowerBound)
            let verdict = validator.validateInOnePass(
              unmasking: start + part.lowerBound, part.count, rotated,
              to: destination.baseAddress! + part.lowerBound)
            let expected = reference.continues(with: Array(bytes[part]))
            expect(
              verdict ?? expected == expected, "in one pass, split at \(split): not \(expected)")
          }
        }
      }
    }
  }

  private static func checkSplit(_ bytes: [UInt8], _ split: Int, _ isValid: Bool) {
    var validator = UTF8Validator()
    let head = validator.continues(with: Array(bytes[..<split]))
    let tail = validator.continues(with: Array(bytes[split...]))
    expect(head || !tail, "valid again behind \(split)")
    expect((tail && validator.isComplete) == isValid, "split at \(split): not \(isValid)")
  }

  private static func checkBytewise(_ bytes: [UInt8], _ isValid: Bool) {
    var validator = UTF8Validator()
    for byte in bytes where !validator.continues(with: [byte]) {
      expect(!isValid, "valid, but not byte by byte")
      return
    }
    expect(validator.isComplete == isValid, "byte by byte: not \(isValid)")
  }
}

extension UTF8Validator {
  fileprivate mutating func continues(with bytes: [UInt8]) -> Bool {
    var validator = self
    defer { self = validator }
    return bytes.inExactMemory { memory in
      guard let start = memory.baseAddress else { return true }
      return validator.validate(start, memory.count)
    }
  }
}
