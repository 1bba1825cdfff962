// MQTT 5, §4.7: topic filters.

/** Whether a topic falls under a filter. */
export function matchesFilter(filter: string, topic: string): boolean {
  return overlaps(filter, topic)
}

/** Whether some topic falls under both filters. */
export function overlaps(left: string, right: string): boolean {
  return levelsOverlap(left.split('/'), right.split('/'))
}

/** The same of filters that are split into their levels already. */
export function levelsOverlap(a: readonly string[], b: readonly string[]): boolean {
  // §4.7.2: a wildcard at the beginning does not reach topics that begin with `$`.
  if (isWild(a[0]) && b[0]?.startsWith('$') === true) return false
  if (isWild(b[0]) && a[0]?.startsWith('$') === true) return false
  for (let index = 0; ; index++) {
    const one = a[index]
    const other = b[index]
    // `#` stands for the levels above it too: `a/#` takes `a`.
    if (one === '#' || other === '#') return true
    if (one === undefined || other === undefined) return oneEnds(a, b, index)
    if (one !== other && one !== '+' && other !== '+') return false
  }
}

const isWild = (level: string | undefined): boolean => level === '+' || level === '#'

function oneEnds(a: readonly string[], b: readonly string[], index: number): boolean {
  return a.length === b.length && index === a.length
}
