// Certificates and keys as files hold them, right and wrong.

import Testing

@testable import TLS

@Suite("Certificate")
struct CertificateTests {
  @Test("says for whom it is and until when") func facts() throws {
    let sample = try SampleCertificate("DNS:a.example,DNS:*.b.example,IP:192.0.2.7", days: 20)
    let certificate = try sample.certificate()
    #expect(certificate.names == ["a.example", "*.b.example", "192.0.2.7"])
    #expect((19...20).contains(certificate.remainingDays))
    #expect(certificate.lastDay.count == 10)
    #expect(!certificate.isNotYetValid)
    for (host, isFor) in [
      ("a.example", true), ("A.EXAMPLE", true), ("x.b.example", true), ("b.example", false),
      ("x.y.b.example", false), ("", false),
    ] {
      #expect(host.withCString { certificate.isFor($0) } == isFor, "\(host)")
    }
  }

  @Test("one that has expired says since when") func expired() throws {
    // openssl takes no past; a certificate for no days is over at once.
    let certificate = try SampleCertificate(days: 1).certificate()
    #expect((0...1).contains(certificate.remainingDays))
  }

  @Test("files that are not what they should be") func invalid() throws {
    let (one, other) = (try SampleCertificate(), try SampleCertificate())
    func problem(_ chain: [UInt8], _ key: [UInt8]) -> Certificate.Invalid? {
      do throws(Certificate.Invalid) {
        _ = try Certificate(chain: chain, key: key)
        return nil
      } catch { return error }
    }
    #expect(problem(one.chain, one.key) == nil)
    #expect(problem(one.chain + other.chain, one.key) == nil)
    guard case .certificate? = problem([], one.key) else { Issue.record("empty"); return }
    guard case .certificate? = problem(one.key, one.key) else { Issue.record("a key"); return }
    guard case .key? = problem(one.chain, one.chain) else { Issue.record("no key"); return }
    guard case .key? = problem(one.chain, other.key) else { Issue.record("another's"); return }
    let cut = Array(one.chain.dropLast(40))
    guard case .certificate(let what)? = problem(one.chain + cut, one.key) else {
      Issue.record("cut")
      return
    }
    #expect(what.hasSuffix("number 2"))
    // Any beginning, and any change, is a certificate or an error.
    for count in stride(from: 0, to: one.chain.count, by: 7) {
      _ = problem(Array(one.chain.prefix(count)), one.key)
      var changed = one.chain
      changed[count] ^= 0x15
      _ = problem(changed, one.key)
    }
  }
}
