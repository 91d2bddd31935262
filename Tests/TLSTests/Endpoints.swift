// Two ends of TLS in memory, and a certificate for one of them.

import Foundation
import Testing

@testable import TLS

/// A certificate that signs itself, made by the system's openssl.
struct SampleCertificate {
  let chain: [UInt8]
  let key: [UInt8]
  /// The certificate's file, for a client to trust.
  let file: String

  init(_ names: String = "DNS:localhost", days: Int = 2) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("wsrelay-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let (chain, key) = (folder.appendingPathComponent("c"), folder.appendingPathComponent("k"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments =
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
      + ["-days", String(days), "-subj", "/CN=sample", "-addext", "subjectAltName=\(names)"]
      + ["-out", chain.path, "-keyout", key.path]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    self.chain = Array(try Data(contentsOf: chain))
    self.key = Array(try Data(contentsOf: key))
    file = chain.path
  }

  func certificate() throws -> Certificate { try Certificate(chain: chain, key: key) }
}

/// One end, with buffers of its own.
final class End {
  let buffers = RecordBuffers.make()
  var tls: TLSConnection
  var plain: [UInt8] = []
  var stop: TLSConnection.Decrypted?

  init(accepting context: TLSSettings) throws {
    tls = try #require(TLSConnection(accepting: context, buffers))
  }

  init(connecting context: TLSSettings, to host: String) throws {
    tls = try #require(TLSConnection(connecting: context, to: host, buffers))
  }

  deinit {
    tls.release()
    RecordBuffers.free(buffers)
  }

  /// Takes what is to be sent.
  func takeSent() -> [UInt8] {
    defer { buffers.pointee.clearToSend() }
    return Array(buffers.pointee.toSend)
  }

  /// Receives bytes, at most `size` of them at once, into spaces of `space` bytes.
  func receive(_ bytes: [UInt8], size: Int = .max, space: Int = 4096) {
    var rest = bytes[...]
    while !rest.isEmpty && stop == nil {
      let piece = Array(rest.prefix(size))
      rest = rest.dropFirst(piece.count)
      piece.withUnsafeBytes { piece in
        tls.receive(piece)
        var memory = [UInt8](repeating: 0, count: space)
        while true {
          let result = memory.withUnsafeMutableBytes { tls.decrypt(into: $0) }
          if case .bytes(let count) = result {
            plain += memory[..<count]
            continue
          }
          if result != .needsMore { stop = result }
          break
        }
      }
    }
  }

  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { tls.encrypt($0.baseAddress!, $0.count) }
  }
}

/// Passes bytes both ways until neither end has any.
func exchange(_ one: End, _ other: End, size: Int = .max) {
  while true {
    let (there, back) = (one.takeSent(), other.takeSent())
    if there.isEmpty && back.isEmpty { return }
    other.receive(there, size: size)
    one.receive(back, size: size)
  }
}
