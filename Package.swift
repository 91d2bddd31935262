// swift-tools-version: 6.3
// wsrelay: targets bottom-up. Who may import whom is checked by Tests/TidyTests.

import PackageDescription

/// Every Swift target: language mode 6 (strict concurrency), warnings are errors.
let shared: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
]

/// The data path is generic over its transport; it is fast only when specialised across modules.
let dataPath: [SwiftSetting] =
  shared + [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]

let package = Package(
  name: "wsrelay",
  products: [
    .executable(name: "wsrelay", targets: ["wsrelay"]),
    .executable(name: "wsrelay-bench", targets: ["wsrelay-bench"]),
  ],
  targets: [
    // RFC 6455 as values: no I/O, no clock, no Foundation.
    .target(name: "CUTF8", cSettings: [.unsafeFlags(["-O3"], .when(configuration: .release))]),
    .target(name: "CBytes", cSettings: [.unsafeFlags(["-O3"], .when(configuration: .release))]),
    .target(name: "CMasking", cSettings: [.unsafeFlags(["-O3"], .when(configuration: .release))]),
    .target(name: "CSHA1", cSettings: [.unsafeFlags(["-O3"], .when(configuration: .release))]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "WebSocketProtocol",
      dependencies: ["CBytes", "CMasking", "CSHA1", "CUTF8", "CZlib"],
      swiftSettings: dataPath),

    // What the relay does with messages. Still no I/O.
    .target(name: "RelayCore", dependencies: ["WebSocketProtocol"], swiftSettings: dataPath),

    // TLS, through OpenSSL. Still no I/O.
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: dataPath),

    // Sockets, threads and the clock.
    .target(name: "CLinux"),
    .target(
      name: "RelayEngine", dependencies: ["CLinux", "RelayCore", "TLS", "WebSocketProtocol"],
      swiftSettings: dataPath),

    // What somebody types: the command line, through getopt_long, and what was meant by a slip.
    .target(name: "Spelling", swiftSettings: shared),
    .systemLibrary(name: "CGetopt"),
    .target(name: "Getopt", dependencies: ["CGetopt", "Spelling"], swiftSettings: shared),

    // The file, through toml++.
    .target(
      name: "CTomlPlusPlus",
      cxxSettings: [.unsafeFlags(["-std=c++17"])]),
    .target(
      name: "RelayConfiguration", dependencies: ["CTomlPlusPlus", "RelayCore", "Spelling"],
      swiftSettings: shared),

    // The journal and the service manager, through libsystemd.
    .systemLibrary(
      name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .target(name: "Systemd", dependencies: ["CSystemd"], swiftSettings: shared),

    // The interface of the journal: fields, message ids, what each close means.
    .target(
      name: "CloseEvents", dependencies: ["RelayCore", "WebSocketProtocol"],
      swiftSettings: shared),

    // What the journal says of connections that ended, read back.
    .target(
      name: "CloseReports",
      dependencies: ["CloseEvents", "RelayCore", "Systemd", "WebSocketProtocol"],
      swiftSettings: shared),

    // The daemon: wiring, signals, logging.
    .target(
      name: "RelayDaemon",
      dependencies: [
        "CLinux", "CloseEvents", "RelayEngine", "RelayCore", "RelayConfiguration", "Systemd", "TLS",
      ],
      swiftSettings: shared),
    .executableTarget(
      name: "wsrelay",
      dependencies: [
        "CloseEvents", "CloseReports", "Getopt", "RelayCore", "RelayDaemon", "RelayConfiguration",
        "Spelling", "Systemd",
      ],
      swiftSettings: shared),

    // The load tool: the client's side of everything above.
    .target(
      name: "LoadGeneration",
      dependencies: [
        "CLinux", "CloseEvents", "RelayCore", "RelayEngine", "TLS", "WebSocketProtocol",
      ],
      swiftSettings: dataPath),
    .executableTarget(
      name: "wsrelay-bench", dependencies: ["Getopt", "LoadGeneration", "RelayCore", "TLS"],
      swiftSettings: shared),

    // Tests.
    .target(
      name: "RelayTestSupport", dependencies: ["RelayCore", "WebSocketProtocol"],
      path: "Tests/RelayTestSupport", swiftSettings: shared),
    .testTarget(
      name: "WebSocketProtocolTests",
      dependencies: ["CMasking", "CSHA1", "WebSocketProtocol", "RelayTestSupport"],
      swiftSettings: shared),
    .testTarget(
      name: "RelayCoreTests", dependencies: ["RelayCore", "RelayTestSupport"],
      swiftSettings: shared),
    .testTarget(
      name: "TLSTests", dependencies: ["TLS", "RelayTestSupport"], swiftSettings: shared),
    .testTarget(
      name: "RelayEngineTests", dependencies: ["RelayEngine", "RelayTestSupport", "TLS"],
      swiftSettings: shared),
    .testTarget(
      name: "RelayConfigurationTests", dependencies: ["RelayConfiguration", "RelayTestSupport"],
      exclude: ["Corpus"], swiftSettings: shared),
    .testTarget(name: "GetoptTests", dependencies: ["Getopt"], swiftSettings: shared),
    .testTarget(name: "SpellingTests", dependencies: ["Spelling"], swiftSettings: shared),
    .testTarget(
      name: "SystemdTests", dependencies: ["Systemd", "RelayTestSupport"], swiftSettings: shared),
    .testTarget(
      name: "CloseEventsTests", dependencies: ["CloseEvents"], swiftSettings: shared),
    .testTarget(
      name: "RelayDaemonTests", dependencies: ["RelayDaemon", "RelayTestSupport"],
      swiftSettings: shared),
    .testTarget(
      name: "CloseReportsTests",
      dependencies: ["CloseReports", "CloseEvents", "RelayTestSupport", "Systemd", "wsrelay"],
      exclude: ["Golden"], swiftSettings: shared),
    .testTarget(
      name: "LoadGenerationTests",
      dependencies: ["LoadGeneration", "RelayTestSupport", "WebSocketProtocol"],
      swiftSettings: shared),
    .testTarget(
      name: "SimulationTests", dependencies: ["RelayCore", "RelayTestSupport"],
      swiftSettings: shared),
    .testTarget(name: "TidyTests", swiftSettings: shared),
  ],
  cxxLanguageStandard: .cxx17
)

// Only a build that asks for the fuzzers has them: they need libFuzzer's run-time library, which
// only `-sanitize=fuzzer` links.
if Context.environment["WSRELAY_FUZZ"] != nil {
  package.targets += [
    .target(name: "CLibFuzzer", path: "Tests/Fuzzing/CLibFuzzer"),
    .executableTarget(
      name: "fuzzers",
      dependencies: [
        "CLibFuzzer", "CloseEvents", "CloseReports", "RelayConfiguration", "RelayCore",
        "RelayTestSupport", "WebSocketProtocol",
      ],
      path: "Tests/Fuzzing/Targets", swiftSettings: shared),
  ]
}
