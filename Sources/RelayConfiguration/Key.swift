// A key bound to the field it sets. Defaults are read off the types themselves, so that a default
// is written down once.

import RelayCore

/// A key of a section whose values end up in an `Owner`.
struct Key<Owner>: Sendable {
  var description: KeyDescription
  var read: @Sendable (Owner) -> KeyValue?
  /// Called with a value of the described type only.
  var write: @Sendable (inout Owner, KeyValue) -> Void
}

/// How keys of one section are made: they share the section and the owner of their defaults.
struct KeyMaker<Owner: Sendable>: Sendable {
  var section: Section
  var standard: Owner

  typealias Field<Value> = WritableKeyPath<Owner, Value> & Sendable

  func boolean(
    _ name: String, _ field: any Field<Bool>, _ reload: ReloadEffect, _ meaning: String,
    _ details: String
  ) -> Key<Owner> {
    make(
      name, .boolean, reload, meaning, details, read: { .boolean($0[keyPath: field]) },
      write: { owner, value in
        if case .boolean(let flag) = value { owner[keyPath: field] = flag }
      })
  }

  func count(
    _ name: String, _ field: any Field<Int>, _ range: ClosedRange<Int>, _ reload: ReloadEffect,
    _ meaning: String, _ details: String
  ) -> Key<Owner> {
    make(
      name, .count(range), reload, meaning, details, read: { .integer($0[keyPath: field]) },
      write: { owner, value in
        if case .integer(let number) = value { owner[keyPath: field] = number }
      })
  }

  func size(
    _ name: String, _ field: any Field<Int>, _ range: ClosedRange<Int>, allowsZero: Bool = false,
    _ reload: ReloadEffect, _ meaning: String, _ details: String
  ) -> Key<Owner> {
    make(
      name, .size(range, allowsZero: allowsZero), reload, meaning, details,
      read: { .size($0[keyPath: field]) },
      write: { owner, value in
        if case .size(let byteCount) = value { owner[keyPath: field] = byteCount }
      })
  }

  func duration(
    _ name: String, _ field: any Field<Duration>, _ range: ClosedRange<Duration>,
    allowsOff: Bool = true, _ reload: ReloadEffect, _ meaning: String, _ details: String
  ) -> Key<Owner> {
    make(
      name, .duration(range, allowsOff: allowsOff), reload, meaning, details,
      read: { .duration($0[keyPath: field]) },
      write: { owner, value in
        if case .duration(let duration) = value { owner[keyPath: field] = duration }
      })
  }

  func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ name: String, _ field: any Field<Choice>, isRequired: Bool = false, _ reload: ReloadEffect,
    _ meaning: String, _ details: String
  ) -> Key<Owner> {
    make(
      name, .choice(Choice.allCases.map(\.rawValue)), isRequired: isRequired, reload, meaning,
      details, read: { .text($0[keyPath: field].rawValue) },
      write: { owner, value in
        if case .text(let text) = value, let choice = Choice(rawValue: text) {
          owner[keyPath: field] = choice
        }
      })
  }

  func texts(
    _ name: String, _ type: ValueType, _ field: any Field<[String]>, _ reload: ReloadEffect,
    _ meaning: String, _ details: String
  ) -> Key<Owner> {
    make(
      name, type, reload, meaning, details, read: { .texts($0[keyPath: field]) },
      write: { owner, value in
        if case .texts(let texts) = value { owner[keyPath: field] = texts }
      })
  }

  func make(
    _ name: String, _ type: ValueType, isRequired: Bool = false, _ reload: ReloadEffect,
    _ meaning: String, _ details: String, read: @escaping @Sendable (Owner) -> KeyValue?,
    write: @escaping @Sendable (inout Owner, KeyValue) -> Void
  ) -> Key<Owner> {
    Key(
      description: KeyDescription(
        name: name, section: section, type: type,
        standard: isRequired ? nil : read(standard), isRequired: isRequired, meaning: meaning,
        details: details, reload: reload),
      read: read, write: write)
  }
}
