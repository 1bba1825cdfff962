import type { Db } from '../db/database.ts'

const KEPT_MS = 10_000

interface Kept<T> {
  readonly until: number
  readonly value: Promise<T>
}

/** Remembers what was read for ten seconds, for each pool and key: an enrolment then asks only for what is its own. A failure is not kept. */
export function remember<T>(
  read: (db: Db, key: string) => Promise<T>,
): (db: Db, key: string) => Promise<T> {
  const pools = new WeakMap<Db, Map<string, Kept<T>>>()
  return (db, key) => {
    const now = performance.now()
    const known = pools.get(db) ?? new Map<string, Kept<T>>()
    pools.set(db, known)
    const kept = known.get(key)
    if (kept && now < kept.until) return kept.value
    const value = read(db, key)
    known.set(key, { until: now + KEPT_MS, value })
    value.catch(() => known.delete(key))
    return value
  }
}
