// A configuration as a file again: what `wsrelay check --print-effective` prints.

import RelayCore

extension LoadedConfiguration {
  /// Valid TOML with every key, each followed by where its value came from. Loading it gives the
  /// same configuration.
  ///
  /// - Parameter location: The file that was read, nil when there was none.
  /// - Returns: The text, ending in a newline.
  package func effectiveText(location: ConfigurationLocation? = nil) -> String {
    var page = EffectivePage(origins: origins)
    page.header(location)
    page.keys(Keys.top, of: configuration, in: .top)
    page.heading(.log)
    page.keys(Keys.log, of: configuration.log, in: .log)
    page.heading(.drain)
    page.keys(Keys.drain, of: configuration.drain, in: .drain)
    for (index, listener) in configuration.listeners.enumerated() {
      page.heading(.listen)
      page.keys(Keys.listen, of: listener, in: .listen, index: index)
    }
    for (index, route) in configuration.routes.enumerated() {
      page.heading(.route)
      page.keys(Keys.route, of: route, in: .route, index: index)
    }
    return page.text
  }
}

/// The lines printed so far.
private struct EffectivePage {
  let origins: Origins
  var text = ""

  mutating func header(_ location: ConfigurationLocation?) {
    guard let location else {
      text += "# no file, built-in defaults\n"
      return
    }
    let naming = location.naming == .standard ? "the default file" : location.naming.rawValue
    text += "# \(quoted(location.path)) (\(naming))\n"
  }

  mutating func heading(_ section: Section) { text += "\n\(section.heading)\n" }

  mutating func keys<Owner>(
    _ keys: [Key<Owner>], of owner: Owner, in section: Section, index: Int = 0
  ) {
    for key in keys {
      let name = key.description.name
      // File names may hold anything, a comment may not.
      let label = quoted(origins[KeyPlace(section, index, name)].label).dropFirst().dropLast()
      if let value = key.read(owner) {
        text += "\(name) = \(value.toml)  # \(label)\n"
      } else {
        text += "# \(name) is not set  # \(label)\n"
      }
    }
  }
}
