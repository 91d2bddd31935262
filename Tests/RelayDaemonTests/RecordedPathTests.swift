// Secrets in query strings never reach a record.

import Testing

@testable import RelayCore
@testable import RelayDaemon

@Suite("Query strings")
struct RecordedPathTests {
  @Test(
    "The value of a secret is masked, whatever way it is written",
    arguments: [
      ("/a?token=x", "/a?token=***"), ("/a?access_token=x&b=1", "/a?access_token=***&b=1"),
      ("/a?b=1&KEY=x", "/a?b=1&KEY=***"), ("/a?api_key=x", "/a?api_key=***"),
      ("/a?apiKey=x", "/a?apiKey=***"), ("/a?signature=x", "/a?signature=***"),
      ("/a?Sig=x", "/a?Sig=***"), ("/a?password=x", "/a?password=***"),
      ("/a?secret=x", "/a?secret=***"), ("/a?client-secret=x", "/a?client-secret=***"),
      ("/a?auth=x", "/a?auth=***"), ("/a?Authorization=Bearer%20x", "/a?Authorization=***"),
      ("/a?X-Amz-Signature=x", "/a?X-Amz-Signature=***"), ("/a?jwt=x.y.z", "/a?jwt=***"),
      ("/a?%74oken=x", "/a?%74oken=***"), ("/a?to%6Ben=x", "/a?to%6Ben=***"),
      ("/a?token[]=x", "/a?token[]=***"), ("/a?b=1;token=x", "/a?b=1;token=***"),
      ("/a?b=1?token=x", "/a?b=1?token=***"), ("/a#access_token=x", "/a#access_token=***"),
      ("/a?token=x=y=z", "/a?token=***"), ("/a?next=%2Fb%3Ftoken%3Dx", "/a?next=***"),
      ("/a?&\u{301}token=x", "/a?&\u{301}token=***"),
      ("/a?token=x&token=y", "/a?token=***&token=***"),
      ("/a?t\0oken=x", "/a?t\0oken=***"),
    ])
  func masked(path: String, expected: String) {
    #expect(RecordedPath.masked(path) == expected)
  }

  @Test(
    "What is no secret stays",
    arguments: [
      "/a", "/a?", "/a?b", "/a?b=1&c=2", "/token", "/a?room=lobby&v=2", "/a?token", "/a?token=",
      "/a?=x", "/a?q=1%202", "", "/a?&&", "/a?page=3#top", "/a?x=%", "/a?x=%4",
    ])
  func unchanged(path: String) {
    #expect(RecordedPath.masked(path) == path)
  }

  @Test("The query string is cut off at the first mark")
  func withoutQuery() {
    #expect(RecordedPath.withoutQuery("/a?b?c") == "/a")
    #expect(RecordedPath.withoutQuery("/a#b") == "/a")
    #expect(RecordedPath.withoutQuery("/a") == "/a")
  }

  @Test("Without peer details a record has no query, no origin and no user agent")
  func privacy() {
    let events: [ConnectionEvent] = [
      .closed(.complete(cause: .drain, connectionID: 1)), .refused(.sample()), .opened(.sample),
    ]
    for event in events {
      let shown = JournalEntry.of(event).dictionary
      #expect(shown["WSRELAY_ORIGIN"] == "https://example.org")
      #expect(shown["WSRELAY_USER_AGENT"] != nil)
      #expect(shown["WSRELAY_PATH"]?.contains("?") == true)
      let hidden = JournalEntry.of(event, details: false).dictionary
      #expect(hidden["WSRELAY_ORIGIN"] == nil)
      #expect(hidden["WSRELAY_USER_AGENT"] == nil)
      #expect(hidden["WSRELAY_PATH"]?.contains("?") == false)
      for fields in [shown, hidden] {
        #expect(!fields.values.contains { $0.contains("s3cret") || $0.contains("abc&") })
        #expect(fields["MESSAGE"]?.contains("?") == false)
      }
    }
  }
}
