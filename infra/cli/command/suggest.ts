/** Letters to change, add, take away, or exchange with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const crossed = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const exchange = crossed ? (before[j - 2] ?? 0) + 1 : change
      row.push(Math.min((row[j - 1] ?? 0) + 1, (above[j] ?? 0) + 1, change, exchange))
    }
    before = above
  }
  return row[b.length] ?? 0
}

/** The word that was probably meant: one that begins so, or differs in a third of its letters at most. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const lower = word.toLowerCase().slice(0, 64)
  const begun = words.filter((each) => lower.length > 1 && each.startsWith(lower))
  if (begun.length === 1) return begun[0]
  let best: string | undefined
  let least = Math.max(1, lower.length / 3)
  for (const each of words) {
    const cost = distance(lower, each)
    if (cost < least || (best === undefined && cost <= least)) {
      best = each
      least = cost
    }
  }
  return best
}

/** `; did you mean x?`, or nothing. */
export function didYouMean(word: string, words: readonly string[], before = ''): string {
  const near = nearest(word, words)
  return near === undefined ? '' : `; did you mean ${before}${near}?`
}
