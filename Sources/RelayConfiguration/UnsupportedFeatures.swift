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
        "tls", .certificate, .newConnections, "certificate and key files; absent = plain ws://",
        notYetSupported, read: { _ in nil }, write: { _, _ in })
    ]
  }
}

extension KeyDescription {
  /// What a value asks for that this version cannot do, or nil.
  func unsupportedFeature(in value: KeyValue) -> String? {
    switch (name, value) {
    case ("tls", .certificate): "TLS"
    default: nil
    }
  }
}
