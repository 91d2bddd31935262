// Which wsrelay this is.

/// The version of this build.
public enum Version {
  /// By Semantic Versioning.
  public static let current = "0.1.0"
}
