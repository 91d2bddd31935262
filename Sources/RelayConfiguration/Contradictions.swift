// Values that are each fine but cannot hold together.

import RelayCore

extension ConfigurationDecoder {
  /// Reports every contradiction between values that were read without error.
  mutating func checkContradictions() {
    checkRepeatedAddresses()
    checkRepeatedPatterns()
    checkBufferMemory()
    for index in configuration.routes.indices {
      checkSender(of: index)
      checkSendBuffer(of: index)
      checkContext(of: index)
    }
  }

  private mutating func checkRepeatedAddresses() {
    var first: [ListenAddress: Int] = [:]
    for (index, listener) in configuration.listeners.enumerated() {
      let place = KeyPlace(.listen, index, "address")
      if failed.contains(place) { continue }
      if listener.address.hasAnyPort { continue }
      if let other = first[listener.address] {
        findings.error(
          at: origins[place].position,
          "address \(quoted(listener.address.description)) is already listened on"
            + line(of: KeyPlace(.listen, other, "address")))
      } else {
        first[listener.address] = index
      }
    }
  }

  private mutating func checkRepeatedPatterns() {
    var first: [[RoutePattern.Segment]: Int] = [:]
    for (index, route) in configuration.routes.enumerated() {
      let place = KeyPlace(.route, index, "path")
      if failed.contains(place) { continue }
      let shape = route.pattern.segments.map { segment in
        if case .parameter = segment { RoutePattern.Segment.parameter("") } else { segment }
      }
      guard let other = first[shape] else {
        first[shape] = index
        continue
      }
      let text = quoted(route.pattern.description)
      let otherText = quoted(configuration.routes[other].pattern.description)
      let what = text == otherText ? "is already a route" : "matches the same paths as \(otherText)"
      findings.error(
        at: origins[place].position,
        "path \(text) \(what)" + line(of: KeyPlace(.route, other, "path")))
    }
  }

  private mutating func checkSender(of index: Int) {
    let route = configuration.routes[index]
    let place = KeyPlace(.route, index, "include_sender")
    guard route.includesSender, route.mode == .echo, !failed.contains(place),
      !failed.contains(KeyPlace(.route, index, "mode"))
    else { return }
    findings.error(
      at: origins[place].position,
      "include_sender is for broadcast routes; the mode of \(quoted(route.pattern.description)) is"
        + " echo")
  }

  private mutating func checkSendBuffer(of index: Int) {
    let route = configuration.routes[index]
    let buffer = KeyPlace(.route, index, "send_buffer")
    let message = KeyPlace(.route, index, "max_message_size")
    guard route.maximumOutboundByteCount < route.maximumMessageByteCount,
      failed.isDisjoint(with: [buffer, message])
    else { return }
    findings.error(
      at: origins[buffer].position ?? origins[message].position,
      "send_buffer (\(SizeText.format(route.maximumOutboundByteCount))) is smaller than"
        + " max_message_size (\(SizeText.format(route.maximumMessageByteCount))): a message of"
        + " that size would make every peer a slow consumer")
  }

  /// Each thread has its share, and one connection must fit into it. How many threads 0 stands for
  /// is not known here.
  private mutating func checkBufferMemory() {
    let place = KeyPlace(.top, "max_buffer_memory")
    let memory = configuration.maximumBufferMemory
    let threadCount = max(configuration.threadCount, 1)
    guard memory > 0, !failed.contains(place) else { return }
    for (index, route) in configuration.routes.enumerated() {
      let sizes = [route.maximumMessageByteCount, route.maximumOutboundByteCount]
      let keys = ["max_message_size", "send_buffer"].map { KeyPlace(.route, index, $0) }
      guard memory / threadCount < sizes[0] + sizes[1], failed.isDisjoint(with: keys) else {
        continue
      }
      findings.error(
        at: origins[place].position,
        "max_buffer_memory (\(SizeText.format(memory))) for \(threadCount)"
          + " \(threadCount == 1 ? "thread" : "threads") is not enough for a single connection to"
          + " \(quoted(route.pattern.description)), where send_buffer is"
          + " \(SizeText.format(sizes[1])) and max_message_size \(SizeText.format(sizes[0]))")
      return
    }
  }

  private mutating func checkContext(of index: Int) {
    let route = configuration.routes[index]
    let place = KeyPlace(.route, index, "compression")
    let policy = KeyPlace(.route, index, "slow_consumer")
    guard route.compression == .context, route.slowConsumerPolicy != .disconnect,
      failed.isDisjoint(with: [place, policy])
    else { return }
    findings.error(
      at: origins[policy].position ?? origins[place].position,
      "slow_consumer = \(quoted(route.slowConsumerPolicy.rawValue)) cannot be combined with"
        + " compression = \"context\": every message there refers to those before it, so none can"
        + " be left out; use compression = \"on\" or slow_consumer = \"disconnect\"")
  }

  private func line(of place: KeyPlace) -> String {
    origins[place].position.map { " (line \($0.line))" } ?? ""
  }
}
