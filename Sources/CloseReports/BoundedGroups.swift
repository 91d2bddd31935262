// Counting by a key of which there may be any number, such as the address of a peer, in bounded
// memory: when there are too many groups, the smaller half is given up. What was counted in it is
// counted as the rest. A group that is given up and comes back begins anew, so that the count of a
// group is a lower bound once `isApproximate`; the large ones are hardly ever hit.

/// Something that has been counted.
package protocol Counted {
  /// How often.
  var count: UInt64 { get }
}

extension UInt64: Counted {
  /// The number itself.
  package var count: UInt64 { self }
}

/// Groups by key, at most so many.
package struct BoundedGroups<Group: Counted & Sendable>: Sendable {
  /// How many groups there may be.
  package let capacity: Int
  /// The groups there are.
  package private(set) var groups: [String: Group] = [:]
  /// What was counted in groups that were given up.
  package private(set) var restCount: UInt64 = 0
  /// How many groups were given up.
  package private(set) var restGroupCount: UInt64 = 0

  package init(capacity: Int) { self.capacity = capacity }

  /// Whether groups had to be given up.
  package var isApproximate: Bool { restGroupCount > 0 }

  /// Changes the group of a key, which begins as `initial` if there is none.
  package mutating func update(
    _ key: String, initial: @autoclosure () -> Group, _ change: (inout Group) -> Void
  ) {
    change(&groups[key, default: initial()])
    if groups.count > capacity { prune() }
  }

  /// The group with most; of equals, the one whose key comes first.
  package var largest: (key: String, group: Group)? {
    groups.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }.map { ($0.key, $0.value) }
  }

  private mutating func prune() {
    let counts = groups.values.map(\.count).sorted(by: >)
    let smallestKept = counts[capacity / 2]
    var kept: [String: Group] = [:]
    kept.reserveCapacity(capacity + 1)
    // Of many groups that are equally small, only as many stay as there is room for.
    for (key, group) in groups where group.count > smallestKept { kept[key] = group }
    for (key, group) in groups where group.count <= smallestKept {
      if group.count == smallestKept && kept.count < capacity / 2 {
        kept[key] = group
      } else {
        restCount &+= group.count
        restGroupCount += 1
      }
    }
    groups = kept
  }
}
