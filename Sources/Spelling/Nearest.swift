// "Did you mean": the known word nearest to a mistyped one.

/// The candidate that a typing mistake or two could have turned into a word; nil: none.
package func nearest(to word: String, among candidates: [String]) -> String? {
  let typed = Array(word.unicodeScalars)
  // A word this long is no typing mistake, and comparing it would cost its length squared.
  guard typed.count <= 64 else { return nil }
  var best: (candidate: String, distance: Int)?
  for candidate in candidates {
    let known = Array(candidate.unicodeScalars)
    let distance = editDistance(typed, known)
    let tolerated = max(1, min(3, known.count / 3))
    if distance <= tolerated, distance < (best?.distance ?? .max) { best = (candidate, distance) }
  }
  return best?.candidate
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words.
func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...right.count)
  for i in left.indices {
    var row = [i + 1]
    for j in right.indices {
      let substitution = last[j] + (left[i] == right[j] ? 0 : 1)
      var distance = min(last[j + 1] + 1, row[j] + 1, substitution)
      if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
        distance = min(distance, beforeLast[j - 1] + 1)
      }
      row.append(distance)
    }
    (beforeLast, last) = (last, row)
  }
  return last[right.count]
}
