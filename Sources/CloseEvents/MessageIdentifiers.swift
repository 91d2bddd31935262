// The journal's message ids: which record this is, for the catalog and for `journalctl
// MESSAGE_ID=`. Each was drawn at random once. A released id is never reused and never changes its
// meaning.

import RelayCore

/// The events of the daemon that end up in the journal, by the word in `WSRELAY_EVENT`.
package enum RecordEvent: String, CaseIterable, Sendable {
  /// In the words of records; every one but `close` has one message id.
  case close, reject, open, gap, start, restart, reload, drain, stop
}

extension CloseCause {
  /// The message id of a connection that ended of this cause, 32 hexadecimal digits.
  package var messageID: String {
    switch self {
    case .peerClose: "a79a83304e3e4e01943b4c484030363e"
    case .peerCloseError: "fc09ca0c27d44c43878004cb12b0f551"
    case .peerFin: "2ad1960682f845d7836c82c00066decc"
    case .peerReset: "03abb9bfeb3748e6bb3bfaf817f3ac23"
    case .networkTimeout: "96d71563119f48f69226a05a910416c8"
    case .closeTimeout: "6984c6bf753e409eb7d2ae020fe6022d"
    case .idleTimeout: "7997d2117d4b40bc9dee49d5bd7342e9"
    case .pongTimeout: "e69f69afccac4bc2a861034874be073d"
    case .maxLifetime: "bd209a8e80ce46f4ae02719f0b2ca9bb"
    case .protocolError: "996b8fcc772d4c668c0ae5a616241714"
    case .unsupportedData: "d03d233ea400474d8ee0c23610b2c9bb"
    case .invalidUTF8: "88b7ba5343bc48cfbc233cfed50a6629"
    case .invalidDeflate: "3c4c8db476b747908f7db6fc75b90b08"
    case .messageTooBig: "1073ac9e244e4ddfbe1495b8043afb3c"
    case .rateLimit: "4f225f14a7cf4cbaa46ad0d0f1dbdcbd"
    case .slowConsumer: "032c447742924be1838d3b36ce326104"
    case .shed: "036569c8f89844febbbf4ed52c417622"
    case .kick: "40cb6c8a1b084a85861c6dae50c9d7c8"
    case .drain: "2ef59ecb3df54215b41bd774509aa7f9"
    case .restart: "4b8512e220a34a33abace557849eccbe"
    case .routeRemoved: "bddfe60e727a4f069e590d7744638033"
    case .tlsFailure: "85dc57d766c94d258481bb3a511b632a"
    case .internalError: "4d53029d12cb45679f972dc1e94929bd"
    }
  }
}

extension RecordEvent {
  /// The message id of an event, 32 hexadecimal digits; nil for a close, whose cause has one.
  package var messageID: String? {
    switch self {
    case .close: nil
    case .reject: "63decb93e42042f3a9de2c89f5ac8a38"
    case .open: "17b2ae5f6992428fadaf004ddddbe846"
    case .gap: "15c8b4dc7a58485cbd493c1364d4b9f9"
    case .start: "4729072adb9c435aa52b143bdc26da13"
    case .restart: "1538a83fee8f4170ac927332f0fe55ed"
    case .reload: "625ab105e00d43eabedfd0088509da10"
    case .drain: "896e3c2676bb461a843f5afe23c03058"
    case .stop: "b72d7dc7d86748e288a72115bb87e0cf"
    }
  }
}
