// Where each value of a configuration came from.

/// Who set a value.
package enum Origin: Hashable, Sendable {
  case builtIn
  case file(String, SourcePosition)
  /// By the [defaults] of a file.
  case defaults(String, SourcePosition)
  /// By a command-line flag such as `--listen`.
  case flag(String)

  /// The origin as a comment shows it, such as `/etc/wsrelay.conf:12`.
  package var label: String {
    switch self {
    case .builtIn: "default"
    case .file(let file, let position): "\(file):\(position.line)"
    case .defaults(let file, let position): "[defaults] \(file):\(position.line)"
    case .flag(let name): name
    }
  }

  /// The place in the file, for values that have one.
  package var position: SourcePosition? {
    switch self {
    case .file(_, let position), .defaults(_, let position): position
    case .builtIn, .flag: nil
    }
  }
}

/// One value of a configuration: which key, and of which listener or route.
package struct KeyPlace: Hashable, Sendable {
  /// The part of the file the value belongs to.
  package var section: Section
  /// Of the listener or route; 0 in sections that do not repeat.
  package var index: Int
  /// The name of the key.
  package var key: String

  /// The value of a key in one section of the file.
  package init(_ section: Section, _ index: Int, _ key: String) {
    self.section = section
    self.index = index
    self.key = key
  }

  /// The value of a key in a section that does not repeat.
  package init(_ section: Section, _ key: String) { self.init(section, 0, key) }
}

/// The origin of every value; what nobody set is built in.
package struct Origins: Sendable, Equatable {
  private var known: [KeyPlace: Origin] = [:]

  /// Everything is built in.
  package init() {}

  /// Who set a value.
  package subscript(place: KeyPlace) -> Origin {
    get { known[place] ?? .builtIn }
    set { known[place] = newValue }
  }

  /// Forgets all of one section, such as the listeners that a flag replaces.
  mutating func removeAll(in section: Section) {
    known = known.filter { $0.key.section != section }
  }
}
