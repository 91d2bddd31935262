// The arguments of one command, read by getopt_long(3): options in any order and form (`--by=code`,
// `--by code`, `-f`, names cut short as long as they are plain), operands, and what stands behind
// `--`. The texts of errors are ours, because getopt's own cannot say what was meant.

import CGetopt
import Glibc
import Spelling

/// What was given to a command.
package struct ParsedArguments: Sendable {
  /// What is no option, in order.
  package private(set) var operands: [String] = []
  private var given: [(option: Option, value: String)] = []

  /// Codes of options without a letter of their own are above those of letters.
  private static let firstCode: Int32 = 256

  /// Reads the arguments of a command that has these options. Not on two threads at once.
  package init(_ arguments: [String], options: [Option]) throws(UsageError) {
    var rest = CStrings([""] + arguments)
    let names = CStrings(options.map(\.name))
    let declared = options.indices.map { index in
      CGetopt.option(
        name: names.pointers[index],
        has_arg: options[index].valueName == nil ? no_argument : required_argument,
        flag: nil, val: Self.firstCode + Int32(index))
    }
    // The colon in front: what lacks its value is told from what is unknown.
    let letters = options.reduce(into: ":") { letters, option in
      guard let letter = option.letter else { return }
      letters.append(letter)
      if option.valueName != nil { letters.append(":") }
    }
    var begins = true
    while true {
      let step = getopt_next(
        Int32(arguments.count + 1), &rest.pointers, letters, declared + [CGetopt.option()], begins)
      begins = false
      if step.result == -1 {
        operands = rest.strings(from: Int(step.next))
        return
      }
      guard let option = Self.option(step.result, of: options) else {
        let argument = rest.strings(from: Int(step.next) - 1).first ?? ""
        throw Self.mistake(step, in: argument, options)
      }
      given.append((option, step.value.map { String(cString: $0) } ?? ""))
    }
  }

  private static func option(_ code: Int32, of options: [Option]) -> Option? {
    if code >= firstCode { return options[Int(code - firstCode)] }
    return options.first { $0.letter?.asciiValue.map(Int32.init) == code }
  }

  private static func mistake(_ step: getopt_step, in argument: String, _ options: [Option])
    -> UsageError
  {
    if let option = option(step.mistaken, of: options) {
      guard let value = option.valueName else { return UsageError("\(option.text) takes no value") }
      return UsageError("\(option.text) needs a value: \(option.text) \(value)")
    }
    if let letter = UnicodeScalar(UInt32(step.mistaken)), step.mistaken != 0 {
      return .unknown("option", "-\(letter)", among: [])
    }
    let typed = String(argument.prefix { $0 != "=" })
    let meant = options.map(\.text).filter { $0.hasPrefix(typed) }
    if meant.count > 1 {
      return UsageError("\(typed.debugDescription) could be \(meant.joined(separator: " or "))")
    }
    return .unknown("option", typed, among: options.map(\.text))
  }
}

extension ParsedArguments {
  /// Whether an option was given.
  package func has(_ option: Option) -> Bool { given.contains { $0.option == option } }

  /// The values of an option, in order.
  package func values(of option: Option) -> [String] {
    given.filter { $0.option == option }.map(\.value)
  }

  /// The value of an option; where it was given several times, the last one counts.
  package func value(of option: Option) -> String? { values(of: option).last }

  /// The value of an option that has only these.
  package func choice<Choice: CaseIterable & RawRepresentable<String>>(of option: Option)
    throws(UsageError) -> Choice?
  {
    guard let text = value(of: option) else { return nil }
    if let choice = Choice(rawValue: text) { return choice }
    let known = Choice.allCases.map(\.rawValue)
    let hint = nearest(to: text, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
    throw UsageError(
      "\(option.text) is one of \(known.joined(separator: ", ")), not \(text.debugDescription)"
        + hint)
  }
}

/// Copies of strings as C has them, freed with this.
private struct CStrings: ~Copyable {
  /// Ends with nil. getopt_long changes the order.
  var pointers: [UnsafeMutablePointer<CChar>?]

  init(_ strings: [String]) { pointers = strings.map { strdup($0) } + [nil] }

  deinit { for pointer in pointers { free(pointer) } }

  func strings(from index: Int) -> [String] {
    pointers[index...].compactMap { $0.map { String(cString: $0) } }
  }
}
