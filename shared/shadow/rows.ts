import type { Database } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import type { Change, Changed } from './change.ts'
import { NAMED_SHADOWS_MAX } from './name.ts'
import { insertShadows, readShadows, type ShadowRow } from './queries.ts'

/** Requests to one shadow, in their order. */
export type Group = readonly Change[]

export const keyOf = ({ deviceId, shadow }: Pick<Change, 'deviceId' | 'shadow'>): string =>
  `${deviceId} ${shadow}`

export const keyOfRow = (row: { device_id: string; shadow: string }): string =>
  `${row.device_id} ${row.shadow}`

/** The rows of the shadows, those that are to be written made where they are missing. */
export async function rowsOf(
  db: Database,
  groups: readonly Group[],
  results: Map<Change, Changed>,
): Promise<Map<string, ShadowRow>> {
  const rows = await read(
    db,
    groups.flatMap((group) => group.slice(0, 1)),
  )
  const missing = groups.filter((group) => group[0] && !rows.has(keyOf(group[0])))
  const wanted = missing.filter((group) =>
    group.some(({ command: { kind } }) => kind === 'update' || kind === 'report'),
  )
  const firsts = wanted.flatMap((group) => group.slice(0, 1))
  if (firsts.length > 0) {
    await db.rows(insertShadows, [
      firsts.map(({ deviceId }) => deviceId),
      firsts.map(({ shadow }) => shadow),
      NAMED_SHADOWS_MAX,
    ])
    for (const [key, row] of await read(db, firsts)) rows.set(key, row)
  }
  refuseMissing(missing, rows, wanted, results)
  return rows
}

async function read(db: Database, keys: readonly Change[]): Promise<Map<string, ShadowRow>> {
  const rows = await db.rows(readShadows, [
    keys.map(({ deviceId }) => deviceId),
    keys.map(({ shadow }) => shadow),
  ])
  return new Map(rows.map((row) => [keyOfRow(row), row]))
}

function refuseMissing(
  missing: readonly Group[],
  rows: ReadonlyMap<string, ShadowRow>,
  wanted: readonly Group[],
  results: Map<Change, Changed>,
): void {
  for (const group of missing) {
    if (group[0] && rows.has(keyOf(group[0]))) continue
    const tooMany = wanted.includes(group)
    for (const change of group) {
      const limit = { limit: NAMED_SHADOWS_MAX }
      const expected = change.expected === undefined ? undefined : 'request.precondition_failed'
      const error = tooMany
        ? new DomainError('shadow.too_many', limit)
        : new DomainError(expected ?? 'shadow.not_found')
      results.set(change, { kind: 'refused', error })
    }
  }
}
