// Which route serves a path, and which texts are patterns.

import Testing

@testable import RelayCore

@Suite("Routes")
struct RouteTableTests {
  private static func table(_ patterns: [String]) throws -> RouteTable {
    RouteTable(
      try patterns.map { Route(pattern: try RoutePattern(parsing: $0), mode: .echo) })
  }

  /// Path, and the pattern that serves it.
  private static let matches: [(String, String?)] = [
    ("/", "/"), ("/echo", "/echo"), ("/echo/", nil), ("//echo", nil), ("/ECHO", "/{z}"),
    ("/a/b/c", "/a/b/c"), ("/a/b/d", "/a/b/{y}"), ("/a/x/c", "/a/{x}/c"),
    ("/a/x/d", "/a/{x}/{y}"), ("/a/x", "/a/*"), ("/a/x/y/z", "/a/*"), ("/a", "/{z}"),
    ("/a/", nil), ("/a/b/", "/a/*"), ("/a/x/", "/a/*"), ("/a//c", "/a/*"), ("/a//", "/a/*"),
    ("/q", "/{z}"), ("/q/r", nil), ("", nil), ("/files", "/{z}"), ("/files/", nil),
    ("/files/one", "/files/*"), ("/files//", "/files/*"), ("/files/a/b/", "/files/*"),
    ("/%65cho", "/{z}"), ("/echo?x=1", "/{z}"),
  ]

  @Test("Precedence, whatever the order in the file")
  func precedence() throws {
    let patterns = [
      "/", "/echo", "/a/b/c", "/a/b/{y}", "/a/{x}/c", "/a/{x}/{y}", "/a/b/*", "/a/*", "/{z}",
      "/files/*",
    ]
    var generator = SystemRandomNumberGenerator()
    for orders in [patterns, patterns.reversed()]
      + (0..<20).map({ _ in
        patterns.shuffled(using: &generator)
      })
    {
      let table = try Self.table(orders)
      for (path, expected) in Self.matches {
        let found = table.match(path).map { table.routes[$0].pattern.description }
        #expect(found == expected, "\(path) in \(orders)")
      }
    }
  }

  @Test("Removed routes stay in the table and match nothing")
  func removed() throws {
    let table = try Self.table(["/a"]).appending(removed: try Self.table(["/b", "/{c}"]).routes)
    #expect(table.routes.count == 3)
    #expect(table.match("/b") == nil && table.match("/a") == 0)
    #expect(table.appending(removed: []).routes.count == 1)
  }

  @Test(
    arguments: [
      ("", .notAbsolute), ("echo", .notAbsolute), ("*", .notAbsolute), ("//", .emptySegment),
      ("/a/", .emptySegment), ("/a//b", .emptySegment), ("/*/a", .restNotLast),
      ("/{a", .unbalancedBrace("{a")), ("/a}", .unbalancedBrace("a}")),
      ("/x{a}", .unbalancedBrace("x{a}")), ("/{a}x", .unbalancedBrace("{a}x")),
      ("/{{a}}", .unbalancedBrace("{{a}}")), ("/{}", .emptyParameterName),
      ("/{a}/{a}", .duplicateParameter("a")), ("/a?b", .queryOrFragment),
      ("/a#b", .queryOrFragment), ("/a b", .invalidCharacter(" ")),
      ("/\u{E9}", .invalidCharacter("\u{E9}")), ("/a*", .invalidCharacter("*")),
      ("/{a b}", .invalidCharacter(" ")), ("/a\u{7F}", .invalidCharacter("\u{7F}")),
      ("/a\n", .invalidCharacter("\n")), ("/{\u{E9}}", .invalidCharacter("\u{E9}")),
    ] as [(String, RoutePattern.SyntaxError)])
  func syntaxErrors(text: String, error: RoutePattern.SyntaxError) {
    #expect(throws: error) { try RoutePattern(parsing: text) }
  }

  @Test(arguments: ["/", "/echo", "/room/{name}", "/a/*", "/*", "/{a}/{b-2_c}/x", "/~a/b.c/%20"])
  func description(text: String) throws {
    let pattern = try RoutePattern(parsing: text)
    #expect(pattern.description == text)
    #expect(pattern.hasParameters == text.contains { "{*".contains($0) })
    #expect(pattern.matchesSamePaths(as: pattern))
  }

  @Test func samePaths() throws {
    let pattern = try RoutePattern(parsing: "/a/{b}/*")
    #expect(pattern.matchesSamePaths(as: try RoutePattern(parsing: "/a/{other}/*")))
    #expect(!pattern.matchesSamePaths(as: try RoutePattern(parsing: "/a/{b}/{c}")))
    #expect(!pattern.matchesSamePaths(as: try RoutePattern(parsing: "/a/{b}")))
    #expect(!pattern.matchesSamePaths(as: try RoutePattern(parsing: "/b/{b}/*")))
  }

  @Test(
    "Origins",
    arguments: [
      ("https://example.org", true), ("HTTPS://Example.ORG", true), ("null", false),
      ("https://example.org.evil.com", false), ("https://evil-example.org", false),
      ("http://example.org", false), ("https://example.org:8443", false),
      ("https://example.org/", false), ("https://a.example.com", true),
      ("https://A-1.Example.com", true), ("https://example.com", false),
      ("https://.example.com", false), ("https://a.b.example.com", false),
      ("https://evil.com/.example.com", false), ("https://evil.com?.example.com", false),
      ("https://evil.com#.example.com", false), ("https://user@.example.com", false),
      ("https://a.example.com:443", false), ("https://evil-example.com", false),
      ("https://aexample.com", false), ("http://a.example.com", false), ("", false),
      ("https://a.dev.test:3000", true), ("https://a.dev.test", false),
      ("https://a.dev.test:30001", false), ("https://*.example.com", false),
    ])
  func origins(origin: String, isAllowed: Bool) {
    let allowed = ["https://example.org", "https://*.example.com", "https://*.dev.test:3000"]
    #expect(OriginRule.allows(origin, allowed) == isAllowed)
  }

  @Test func originsOfOtherLettersThanASCII() {
    #expect(!OriginRule.allows("https://ban\u{212A}.example", ["https://bank.example"]))
    #expect(!OriginRule.allows("https://\u{E9}.example.com", ["https://*.example.com"]))
  }

  @Test func nullOrigin() {
    #expect(OriginRule.allows("null", ["null"]))
    #expect(!OriginRule.allows("nul", ["null"]) && !OriginRule.allows("", ["null"]))
  }
}
