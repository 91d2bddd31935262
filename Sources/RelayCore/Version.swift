// Which wsrelay this is.

/// The version of this build.
package enum Version {
  /// By Semantic Versioning.
  package static let current = "0.1.0"
}
