import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { entryId, type Entry, type EntryKey, type EntryState, type NewEntry } from './entry.ts'
import {
  changeEntry,
  listEntries,
  readEntry,
  readUnknownCredentials,
  removeEntry,
  saveEntry,
  type EntryRow,
} from './queries.ts'

/** Entries that no import made. */
const BY_HAND = 0

function toEntry(row: EntryRow): Entry {
  const { match, value, device_id, hardware_rev, credentials, uses, max_uses, state } = row
  const expires_at = row.expires_at?.toISOString() ?? null
  const id = entryId(row)
  return {
    id,
    match,
    value,
    device_id,
    hardware_rev,
    credentials,
    expires_at,
    uses,
    max_uses,
    state,
  }
}

export interface EntryFilter {
  readonly state?: EntryState | undefined
  readonly match?: string | undefined
}

/** In order of value and match. */
export async function pageEntries(
  db: Db,
  { state, match }: EntryFilter,
  after: readonly (string | null)[] | undefined,
  limit: number,
): Promise<Entry[]> {
  const [value = null, kind = null] = after ?? []
  return (await db.rows(listEntries, [state ?? null, match ?? null, value, kind, limit])).map(
    toEntry,
  )
}

/** Throws allowlist.not_found. */
export async function findEntry(db: Db, { value, match }: EntryKey): Promise<Entry> {
  const row = await db.row(readEntry, [value, match])
  if (row === undefined) throw new DomainError('allowlist.not_found')
  return toEntry(row)
}

/** Lets a device in, or changes what was said of it. Throws credential.not_found. */
export async function addEntry(tx: Db, acting: Acting, entry: NewEntry): Promise<Entry> {
  const unknown = await tx.rows(readUnknownCredentials, [entry.credentials ?? []])
  if (unknown.length > 0) {
    throw new DomainError('credential.not_found', { credentials: unknown.map((row) => row.id) })
  }
  const row = await tx.row(saveEntry, [JSON.stringify(entry), BY_HAND])
  if (row === undefined) throw new Error('an insert returned no row')
  await audit(tx, { ...acting, verb: 'allowlist.add', target: entryId(entry) })
  return toEntry(row)
}

export interface EntryChange {
  readonly state?: 'open' | 'blocked' | undefined
  /** null: never. */
  readonly expires_at?: string | null | undefined
  readonly max_uses?: number | undefined
}

/** Throws allowlist.not_found. */
export async function editEntry(
  tx: Db,
  acting: Acting,
  key: EntryKey,
  change: EntryChange,
): Promise<Entry> {
  const { state = null, expires_at: expiresAt, max_uses: maxUses = null } = change
  const clear = expiresAt === null
  const row = await tx.row(changeEntry, [
    key.value,
    key.match,
    state,
    expiresAt ?? null,
    clear,
    maxUses,
  ])
  if (row === undefined) throw new DomainError('allowlist.not_found')
  await audit(tx, { ...acting, verb: 'allowlist.change', target: entryId(key) })
  return toEntry(row)
}

/** Throws allowlist.not_found. */
export async function dropEntry(tx: Db, acting: Acting, key: EntryKey): Promise<void> {
  const row = await tx.row(removeEntry, [key.value, key.match])
  if (row === undefined) throw new DomainError('allowlist.not_found')
  await audit(tx, { ...acting, verb: 'allowlist.remove', target: entryId(key) })
}

/** Whether there is an entry, whatever its state. */
export async function hasEntry(db: Db, { value, match }: EntryKey): Promise<boolean> {
  return (await db.row(readEntry, [value, match])) !== undefined
}
