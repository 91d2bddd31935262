// The walk over a parsed file: every key is looked up in its section's description, read, and set.
// It goes on after a mistake, so that all of them are reported together.

import RelayCore

/// The state of decoding one file.
struct ConfigurationDecoder {
  var findings: Findings
  var origins = Origins()
  /// Values that were given but are wrong; what depends on them is not checked further.
  var failed: Set<KeyPlace> = []
  var configuration = Configuration.builtIn

  private var file: String { findings.source.file }

  init(source: SourceText) { findings = Findings(source: source) }

  /// Reads all sections; `configuration` is complete afterwards if there were no errors.
  mutating func decode(_ root: TomlTable) {
    var plain = root
    plain.entries.removeAll { Section(named: $0.key) != nil }
    configuration = decode(plain, Keys.top, in: .top, over: configuration)
    if let table = single(.log, of: root) {
      configuration.log = decode(table, Keys.log, in: .log, over: configuration.log)
    }
    if let table = single(.drain, of: root) {
      configuration.drain = decode(table, Keys.drain, in: .drain, over: configuration.drain)
    }
    if let tables = repeated(.listen, of: root) { decodeListeners(tables) }
    decodeRoutes(repeated(.route, of: root), defaults: single(.defaults, of: root))
  }

  private mutating func decodeListeners(_ tables: [TomlTable]) {
    configuration.listeners = tables.enumerated().map { index, table in
      // Replaced by the required key, or there is an error.
      let listener = Configuration.Listener(address: .tcp(host: "127.0.0.1", port: 8080))
      return decode(table, Keys.listen, in: .listen, index: index, over: listener)
    }
  }

  private mutating func decodeRoutes(_ tables: [TomlTable]?, defaults: TomlTable?) {
    var standard = Route(pattern: RoutePattern(literal: "/"), mode: .echo)
    if let defaults { standard = decode(defaults, Keys.defaults, in: .defaults, over: standard) }
    if let tables {
      configuration.routes = tables.enumerated().map { index, table in
        inheritOrigins(at: index)
        var route = decode(table, Keys.route, in: .route, index: index, over: standard)
        dropInheritedSender(of: &route, at: index)
        return route
      }
    } else {
      configuration.routes = Route.builtIn.enumerated().map { index, builtIn in
        inheritOrigins(at: index)
        var route = standard
        route.pattern = builtIn.pattern
        route.mode = builtIn.mode
        dropInheritedSender(of: &route, at: index)
        return route
      }
    }
  }

  private mutating func inheritOrigins(at index: Int) {
    for key in Keys.defaults.map(\.description.name) {
      let inherited = KeyPlace(.defaults, 0, key)
      origins[KeyPlace(.route, index, key)] = origins[inherited]
      if failed.contains(inherited) { failed.insert(KeyPlace(.route, index, key)) }
    }
  }

  /// [defaults] may ask for what only broadcast routes have.
  private mutating func dropInheritedSender(of route: inout Route, at index: Int) {
    let place = KeyPlace(.route, index, "include_sender")
    guard route.mode == .echo, case .defaults = origins[place] else { return }
    route.includesSender = false
    origins[place] = .builtIn
  }

  private mutating func decode<Owner>(
    _ table: TomlTable, _ keys: [Key<Owner>], in section: Section, index: Int = 0,
    over standard: Owner
  ) -> Owner {
    var owner = standard
    var given: Set<String> = []
    for entry in table.entries {
      guard let key = keys.first(where: { $0.description.name == entry.key }) else {
        unknown(entry, in: section, known: keys.map(\.description.name))
        continue
      }
      given.insert(entry.key)
      let place = KeyPlace(section, index, entry.key)
      let decoder = ValueDecoder(key: key.description)
      guard let value = decoder.decode(entry.value, &findings) else {
        failed.insert(place)
        continue
      }
      failed.remove(place)
      key.write(&owner, value)
      origins[place] =
        section == .defaults
        ? .defaults(file, entry.value.position) : .file(file, entry.value.position)
    }
    for key in keys.map(\.description) where key.isRequired && !given.contains(key.name) {
      failed.insert(KeyPlace(section, index, key.name))
      findings.error(
        at: table.position,
        "\(section.heading) has no \"\(key.name)\"; expected \(key.type.expectation)")
    }
    return owner
  }

  private mutating func unknown(_ entry: TomlTable.Entry, in section: Section, known: [String]) {
    let homes = Section.allCases.filter { home in
      home != section && Keys.descriptions(of: home).contains { $0.name == entry.key }
    }
    var words = known
    if section == .top { words += Section.allCases.map(\.rawValue).filter { !$0.isEmpty } }
    let hint: String? =
      if section == .defaults, ["path", "mode"].contains(entry.key) {
        "each [[route]] has its own"
      } else if homes.isEmpty {
        nil
      } else {
        "it belongs in \(homes.map(\.heading).joinedAsAlternatives())"
      }
    // A key that is right elsewhere is in the wrong place rather than mistyped.
    let place = section == .top ? "at \(section.heading)" : "in \(section.heading)"
    unknownKey(entry, place, among: hint == nil ? words : [], hint: hint, &findings)
  }
}

extension ConfigurationDecoder {
  /// The table of a section that stands in the file once, if it does.
  private mutating func single(_ section: Section, of root: TomlTable) -> TomlTable? {
    guard let entry = root.entries.first(where: { $0.key == section.rawValue }) else { return nil }
    if case .table(let table) = entry.value.content { return table }
    wrongShape(section, entry)
    return nil
  }

  /// The tables of a section that may repeat, or nil when there is none in the file.
  private mutating func repeated(_ section: Section, of root: TomlTable) -> [TomlTable]? {
    guard let entry = root.entries.first(where: { $0.key == section.rawValue }) else { return nil }
    guard case .array(let elements) = entry.value.content else {
      wrongShape(section, entry)
      return nil
    }
    if elements.isEmpty {
      findings.error(
        at: entry.keyPosition,
        "\"\(section.rawValue)\" is empty; leave it out to have what is built in")
    }
    var tables: [TomlTable] = []
    for element in elements {
      if case .table(let table) = element.content {
        tables.append(table)
      } else {
        findings.error(
          at: element.position,
          "\(section.rawValue): expected tables, written as \(section.heading), got"
            + " \(element.described)")
      }
    }
    return tables
  }

  private mutating func wrongShape(_ section: Section, _ entry: TomlTable.Entry) {
    let form =
      section.repeats ? "a list of sections, each written as" : "a single section, written as"
    let got =
      switch entry.value.content {
      case .table: "[\(section.rawValue)]"
      case .array(let elements) where elements.isTables: "[[\(section.rawValue)]]"
      default: entry.value.described
      }
    findings.error(
      at: entry.keyPosition, "\"\(section.rawValue)\" is \(form) \(section.heading); got \(got)")
  }
}

extension [TomlValue] {
  fileprivate var isTables: Bool {
    !isEmpty && allSatisfy { if case .table = $0.content { true } else { false } }
  }
}

extension Section {
  fileprivate init?(named name: String) {
    guard !name.isEmpty else { return nil }
    self.init(rawValue: name)
  }
}
