// The negotiation of permessage-deflate (RFC 7692 §5, §7.1): which of a client's offers a server
// takes, and what both then keep to. What is done to messages is in `Inflater` and `Deflater`.

/// What two endpoints agreed on for permessage-deflate.
public struct DeflateParameters: Equatable, Sendable {
  /// The server begins each message with an empty window.
  public var serverNoContextTakeover = false
  /// The client begins each message with an empty window.
  public var clientNoContextTakeover = false
  /// The base-2 logarithm of the server's largest window: 9 to 15.
  public var serverMaximumWindowBits = Self.maximumWindowBits
  /// The base-2 logarithm of the client's largest window: 8 to 15.
  public var clientMaximumWindowBits = Self.maximumWindowBits
  /// Whether the response names the client's window, which it may only if the offer did.
  private var namesClientWindow = false

  /// The extension's token.
  public static let extensionName = "permessage-deflate"
  /// The window where nothing else is agreed on.
  public static let maximumWindowBits = 15
  /// zlib's raw deflate has no smaller window; RFC 7692 §7.1.2.1 knows 8 as well.
  static let minimumServerWindowBits = 9

  /// Both contexts kept, both windows at their largest.
  public init() {}
}

/// What a server makes of offers of permessage-deflate.
public enum DeflatePreference: Sendable {
  /// Neither end keeps a context between messages.
  case withoutContext
  /// Both ends may keep one; the server's window is at most so large.
  case withContext(maximumWindowBits: Int)
}

extension DeflateParameters {
  /// The first acceptable offer, in the client's order, and what is agreed on with it; nil: none.
  ///
  /// An offer with a parameter that is unknown, repeated or has an impossible value is declined and
  /// no error: the client may have offered another way as well (RFC 7692 §7.1).
  public static func negotiate(
    _ offers: [ExtensionOffer], _ preference: DeflatePreference
  ) -> DeflateParameters? {
    for offer in offers where offer.name.lowercased() == extensionName {
      if let agreed = Self(offer: offer, preference) { return agreed }
    }
    return nil
  }

  private init?(offer: ExtensionOffer, _ preference: DeflatePreference) {
    self.init()
    guard let wanted = OfferedDeflate(offer) else { return nil }
    serverNoContextTakeover = wanted.serverNoContextTakeover
    clientNoContextTakeover = wanted.clientNoContextTakeover
    serverMaximumWindowBits = wanted.serverMaximumWindowBits ?? Self.maximumWindowBits
    switch preference {
    case .withoutContext:
      // RFC 7692 §7.1.1: a server may ask for both, whether or not they were offered.
      serverNoContextTakeover = true
      clientNoContextTakeover = true
    case .withContext(let maximumWindowBits):
      // §7.1.2.1: a server may use a smaller window than it was asked to, and says so.
      serverMaximumWindowBits = min(serverMaximumWindowBits, maximumWindowBits)
      // §7.1.2.2: the client's window may be limited only if the offer says that it can be.
      if let clientBits = wanted.clientMaximumWindowBits {
        clientMaximumWindowBits = min(clientBits, maximumWindowBits)
        namesClientWindow = true
      }
    }
    if serverMaximumWindowBits < Self.minimumServerWindowBits { return nil }
  }

  /// The extension as the server's response names it.
  public var response: ExtensionOffer {
    var parameters: [ExtensionOffer.Parameter] = []
    if serverNoContextTakeover { parameters.append(.init("server_no_context_takeover")) }
    if clientNoContextTakeover { parameters.append(.init("client_no_context_takeover")) }
    if serverMaximumWindowBits < Self.maximumWindowBits {
      parameters.append(.init("server_max_window_bits", "\(serverMaximumWindowBits)"))
    }
    if namesClientWindow && clientMaximumWindowBits < Self.maximumWindowBits {
      parameters.append(.init("client_max_window_bits", "\(clientMaximumWindowBits)"))
    }
    return ExtensionOffer(name: Self.extensionName, parameters: parameters)
  }
}

/// The parameters of one offer, checked (RFC 7692 §7.1).
private struct OfferedDeflate {
  var serverNoContextTakeover = false
  var clientNoContextTakeover = false
  var serverMaximumWindowBits: Int?
  /// The largest there is where the offer names no value.
  var clientMaximumWindowBits: Int?

  /// nil: the offer must be declined.
  init?(_ offer: ExtensionOffer) {
    var seen: Set<String> = []
    for parameter in offer.parameters {
      let name = parameter.name.lowercased()
      guard seen.insert(name).inserted else { return nil }
      switch (name, parameter.value) {
      case ("server_no_context_takeover", nil): serverNoContextTakeover = true
      case ("client_no_context_takeover", nil): clientNoContextTakeover = true
      case ("client_max_window_bits", nil):
        clientMaximumWindowBits = DeflateParameters.maximumWindowBits
      case ("client_max_window_bits", let value?):
        guard let bits = Self.windowBits(value) else { return nil }
        clientMaximumWindowBits = bits
      case ("server_max_window_bits", let value?):
        guard let bits = Self.windowBits(value) else { return nil }
        serverMaximumWindowBits = bits
      default: return nil
      }
    }
  }

  /// RFC 7692 §7.1.2: a decimal number from 8 to 15, without leading zeros.
  private static func windowBits(_ text: String) -> Int? {
    guard let bits = Int(text), (8...15).contains(bits), text == "\(bits)" else { return nil }
    return bits
  }
}
