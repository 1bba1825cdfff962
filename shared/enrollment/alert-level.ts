const DAY_MS = 86_400_000

/** A certificate of a short life is not alerted about for most of it. */
const LEAST_LIVES = 3

/** Days at which this certificate is alerted about, by its life, most first. */
export function levelsFor(
  thresholds: readonly number[],
  notBefore: Date,
  notAfter: Date,
): number[] {
  const lifeDays = (notAfter.getTime() - notBefore.getTime()) / DAY_MS
  return thresholds.filter((days) => days * LEAST_LIVES <= lifeDays).toSorted((a, b) => b - a)
}

/** The smallest of these thresholds that has been reached; undefined: none has. */
export function reachedLevel(
  levels: readonly number[],
  notAfter: Date,
  now: Date,
): number | undefined {
  const left = notAfter.getTime() - now.getTime()
  return levels.findLast((days) => left <= days * DAY_MS)
}

/** The threshold that follows after an alert at `level`; null: never alerted yet. */
export function nextLevel(thresholds: readonly number[], level: number | null): number | undefined {
  const falling = thresholds.toSorted((a, b) => b - a)
  return level === null ? falling[0] : falling.find((days) => days < level)
}
