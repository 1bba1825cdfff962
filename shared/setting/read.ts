import type { Db } from '../db/database.ts'
import { isSettingName, SETTINGS, type SettingName, type Settings } from './definitions.ts'
import { readAllSettings } from './queries.ts'

const CACHE_MS = 10_000

interface Cached {
  readonly until: number
  readonly settings: Promise<Settings>
}

const caches = new WeakMap<Db, Cached>()

/** All settings as they hold, at most ten seconds old. Give it the pool, not a transaction: the cache hangs on it. */
export function readSettings(db: Db): Promise<Settings> {
  const now = performance.now()
  const cached = caches.get(db)
  if (cached !== undefined && now < cached.until) return cached.settings
  const settings = load(db)
  caches.set(db, { until: now + CACHE_MS, settings })
  // A failure is not kept: the next call asks again.
  settings.catch(() => caches.delete(db))
  return settings
}

/** Forgets what was read, so that whoever changed a setting sees it at once. */
export function forgetSettings(db: Db): void {
  caches.delete(db)
}

async function load(db: Db): Promise<Settings> {
  const rows = await db.rows(readAllSettings, [])
  const values = new Map(rows.map((row) => [row.name, row.value]))
  const names = Object.keys(SETTINGS).filter(isSettingName)
  const entries = names.map((name) => [name, valueOf(name, values.get(name))] as const)
  // Every name of the table stands here with a value that its own schema has read.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(entries) as Settings
}

// A value that an older or newer version wrote and this one cannot read counts as not said.
function valueOf(name: SettingName, stored: unknown): unknown {
  const { schema, fallback } = SETTINGS[name]
  if (stored === undefined) return fallback
  const parsed = schema.safeParse(stored)
  return parsed.success ? parsed.data : fallback
}
