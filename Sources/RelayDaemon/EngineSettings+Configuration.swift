// From the configuration of an operator to the settings of the engine.

import RelayConfiguration
import RelayCore
import RelayEngine

extension EngineSettings {
  /// The settings a configuration amounts to in a process with so many descriptors.
  init(
    _ configuration: Configuration, _ certificates: ServerCertificates, descriptorLimit: Int
  ) {
    let listeners = configuration.listeners.map { listener in
      var policy = ListenerPolicy(name: listener.address.description)
      policy.handshakeTimeout = listener.handshakeTimeout
      policy.maximumRequestByteCount = listener.maximumRequestByteCount
      policy.requiresProxyHeader = listener.requiresProxyHeader
      policy.trustedProxies = listener.trustedProxies
      return Listener(
        address: listener.address, policy: policy, tls: certificates.contexts[listener.address])
    }
    self.init(routes: RouteTable(configuration.routes), listeners: listeners)
    threadCount = configuration.threadCount
    pollsBusily = configuration.pollsBusily
    let available = DescriptorLimit.connectionCount(of: descriptorLimit)
    limits.maximumConnectionCount =
      configuration.maximumConnectionCount == 0
      ? available : min(configuration.maximumConnectionCount, available)
    limits.maximumHeldByteCount =
      configuration.maximumBufferMemory == 0
      ? MemoryLimit.standardBufferByteCount() : configuration.maximumBufferMemory
    recordsOpened = configuration.log.level == .debug
  }
}
