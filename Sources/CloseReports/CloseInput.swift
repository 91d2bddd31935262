// Where entries come from: the journal of this machine, or what somebody exported from another. A
// file is known by what it begins with, not by its name.

import CloseEvents
import Glibc
import Systemd

/// Something that entries can be read from.
package enum CloseInput: Sendable, Equatable {
  /// The journal of this machine.
  case local
  /// Journal files; their common name for people.
  case journal([String], name: String)
  /// A stream in the export format; -1 if it has been given away.
  case export(descriptor: Int32, name: String)

  /// What a journal file begins with.
  static let signature = Array("LPKSHHRH".utf8)
  /// In a directory of journals, each machine's are one level further down.
  private static let maximumDepth = 2

  /// Why nothing can be read.
  package enum Failure: Error, Sendable, Equatable {
    /// There is no such file, or it is none that can be read.
    case noInput(String)
    /// The file may not be read by this user.
    case noPermission(String)
  }

  /// The name of an input, for people.
  package var name: String {
    switch self {
    case .local: "the journal of this machine"
    case .journal(_, let name), .export(_, let name): name
    }
  }

  /// Finds out what is at a path, `-` being standard input; says in `warnings` what has to be left
  /// out.
  package static func open(
    _ path: String, warnings: inout [String]
  ) throws(Failure) -> CloseInput {
    if path == "-" { return .export(descriptor: STDIN_FILENO, name: "standard input") }
    let shown = ShownText.of(path)
    var status = stat()
    guard stat(path, &status) == 0 else { throw failure(shown, errno) }
    if status.st_mode & S_IFMT == S_IFDIR {
      return try .journal(files(in: path, shown, &warnings), name: shown)
    }
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(shown, errno) }
    guard isJournal(descriptor, status) else {
      return .export(descriptor: descriptor, name: shown)
    }
    close(descriptor)
    if let number = refusal(of: path) { throw .noInput("\(shown): \(explain(number))") }
    return .journal([path], name: shown)
  }

  private static func failure(_ path: String, _ number: Int32) -> Failure {
    let text = "\(path): \(String(cString: strerror(number)))"
    return number == EACCES || number == EPERM ? .noPermission(text) : .noInput(text)
  }

  /// Only a regular file can be looked at without taking what is looked at.
  private static func isJournal(_ descriptor: Int32, _ status: stat) -> Bool {
    guard status.st_mode & S_IFMT == S_IFREG else { return false }
    var head = [UInt8](repeating: 0, count: signature.count)
    return pread(descriptor, &head, head.count, 0) == head.count && head == signature
  }

  /// With which error libsystemd refuses a journal file; nil if it opens it.
  private static func refusal(of path: String) -> Int32? {
    do throws(SystemdError) {
      _ = try JournalReader(.files([path]))
      return nil
    } catch {
      return error.errorNumber
    }
  }

  private static func explain(_ refusal: Int32) -> String {
    switch refusal {
    case ENODATA: "cut short: the file is shorter than its header says"
    case EBADMSG, EIO: "damaged: not a journal file beyond its first bytes"
    case EPROTONOSUPPORT: "written by a newer systemd than this machine's"
    default: String(cString: strerror(refusal))
    }
  }
}

// MARK: - Directories

extension CloseInput {
  private static func files(
    in directory: String, _ shown: String, _ warnings: inout [String]
  ) throws(Failure) -> [String] {
    guard let listed = list(directory, depth: maximumDepth) else { throw failure(shown, errno) }
    var good: [String] = []
    for path in listed {
      if let number = refusal(of: path) {
        // Where one may not be read, hardly any may.
        if number == EACCES { throw failure(ShownText.of(path), number) }
        warnings.append("\(ShownText.of(path)): \(explain(number)); left out")
      } else {
        good.append(path)
      }
    }
    if good.isEmpty { throw .noInput("\(shown): no journal files in this directory") }
    return good
  }

  /// The journal files of a directory and those below it, sorted; nil if it cannot be read.
  private static func list(_ directory: String, depth: Int) -> [String]? {
    guard let names = LocalJournal.names(in: directory) else { return nil }
    var paths: [String] = []
    for name in names {
      let path = "\(directory)/\(name)"
      // journald renames a file that it did not close in order to one with a tilde.
      if name.hasSuffix(".journal") || name.hasSuffix(".journal~") {
        paths.append(path)
      } else if depth > 1, let below = list(path, depth: depth - 1) {
        paths += below
      }
    }
    return paths.sorted()
  }
}

// MARK: - Reading

extension CloseInput {
  /// Calls `body` with each entry that a query asks for until it returns false; returns where the
  /// input was damaged.
  ///
  /// Entries of a journal come in the order of time, those of a stream as they are in it.
  package func forEach(
    _ query: CloseQuery, wanted: [JournalField], _ body: (CloseQuery.Kind, EntryFields) -> Bool
  ) throws(SystemdError) -> DamagedPlace? {
    switch self {
    case .local:
      return try JournalEntries.forEach(of: .local, query, wanted: wanted, body)
    case .journal(let paths, _):
      return try JournalEntries.forEach(of: .files(paths), query, wanted: wanted, body)
    case .export(let descriptor, _):
      var reader = ExportReader(
        descriptor: descriptor, ownsDescriptor: descriptor != STDIN_FILENO)
      if reader.begins(with: Self.signature) {
        return .byte(
          0, problem: "a journal file, which cannot be read from a pipe: name the file", count: 1)
      }
      var fields = query.room(for: wanted)
      while reader.next(into: &fields) {
        guard let kind = query.kind(of: fields) else { continue }
        guard body(kind, fields) else { break }
      }
      return reader.damage
    }
  }
}
