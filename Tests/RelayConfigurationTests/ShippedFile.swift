// What config/wsrelay.conf has to say, from the descriptions of the keys.

import RelayCore

@testable import RelayConfiguration

/// The text of the shipped file.
enum ShippedFile {
  static let path = "config/wsrelay.conf"

  static var text: String {
    var lines = [
      "# wsrelay: every key with its default. Without this file the same configuration holds.",
      "# Each key is explained in wsrelay.conf(5); `wsrelay check` says what is wrong, and where.",
      #"# Durations: "250ms", "10s", "5m", "1h", "1h30m". Sizes: "512B", "64KiB", "1MiB"."#,
      "",
    ]
    lines += keys(.top)
    lines += ["", "[log]"] + keys(.log)
    lines += ["", "[drain]"] + keys(.drain)
    lines += ["", "# One section for each address; without any, the one below.", "[[listen]]"]
    lines += keys(.listen, given: ["address": "\"127.0.0.1:8080\""])
    lines += ["", "# For every route that does not say otherwise.", "[defaults]"] + keys(.defaults)
    lines += ["", "# One section for each path; without any, the three below."]
    lines += ["# A route takes every key of [defaults], and:"]
    for (index, route) in Route.builtIn.enumerated() {
      let given = [
        "path": "\"\(route.pattern)\"", "mode": "\"\(route.mode.rawValue)\"",
      ]
      lines += (index == 0 ? [] : [""]) + ["[[route]]"]
      for key in Keys.descriptions(of: .route) {
        guard let value = given[key.name] else { continue }
        lines += (index == 0 ? ["# " + key.meaning] : []) + ["\(key.name) = \(value)"]
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func keys(_ section: Section, given: [String: String] = [:]) -> [String] {
    Keys.descriptions(of: section).flatMap { key in
      let value = given[key.name] ?? key.standard?.toml
      let line =
        value.map { "\(key.name) = \($0)" }
        ?? "# \(key.name) = { certificate = \"/path/fullchain.pem\", key = \"/path/key.pem\" }"
      return ["# " + key.meaning, line]
    }
  }
}
