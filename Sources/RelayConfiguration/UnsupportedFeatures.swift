// Keys of the public interface that this version knows and checks but does not honour. Asking for
// one is an error, because a limit that is silently absent is worse than none. To support one:
// delete its line below, and give its key a field of its own.

import RelayCore

extension Keys {
  /// The sentence of the manual page that goes with these keys.
  static let notYetSupported = "This version of wsrelay supports only the default."

  /// Keys of [[listen]] that have no field to set yet.
  static func unsupportedListenKeys(
    _ key: KeyMaker<Configuration.Listener>
  ) -> [Key<Configuration.Listener>] {
    [
      key.make(
        "proxy_protocol", .boolean, .newConnections, "require PROXY protocol v1 or v2",
        notYetSupported, read: { _ in .boolean(false) }, write: { _, _ in }),
      key.make(
        "trusted_proxies", .networks, .newRequests,
        "networks whose X-Forwarded-For or Forwarded is believed", notYetSupported,
        read: { _ in .texts([]) }, write: { _, _ in }),
      key.make(
        "tls", .certificate, .newConnections, "certificate and key files; absent = plain ws://",
        notYetSupported, read: { _ in nil }, write: { _, _ in }),
    ]
  }
}

extension KeyDescription {
  /// What a value asks for that this version cannot do, or nil.
  func unsupportedFeature(in value: KeyValue) -> String? {
    switch (name, value) {
    case ("proxy_protocol", .boolean(true)): "the PROXY protocol"
    case ("trusted_proxies", .texts(let networks)) where !networks.isEmpty: "trusted proxies"
    case ("tls", .certificate): "TLS"
    case ("max_connections_per_peer", .integer(let count)) where count != 0:
      "a limit on connections per peer"
    default: nil
    }
  }
}
