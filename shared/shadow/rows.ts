import type { Database } from '../db/database.ts'
import { barredDevices } from '../device/barred.ts'
import { DomainError } from '../errors.ts'
import type { Change, Changed } from './change.ts'
import { NAMED_SHADOWS_MAX } from './name.ts'
import { insertShadows, readShadows, type AskedRow, type ShadowRow } from './queries.ts'

/** Requests to one shadow, in their order. */
export type Group = readonly Change[]

export const keyOf = ({ deviceId, shadow }: Pick<Change, 'deviceId' | 'shadow'>): string =>
  `${deviceId} ${shadow}`

export const keyOfRow = (row: { device_id: string; shadow: string }): string =>
  `${row.device_id} ${row.shadow}`

/**
 * The rows of the shadows, those that are to be written made where they are missing. Of what devices themselves ask, that of suspended
 * and decommissioned ones is refused: a broker may let one in for the moment before it is thrown off.
 */
export async function rowsOf(
  db: Database,
  asked: readonly Group[],
  results: Map<Change, Changed>,
  byDevices: boolean,
): Promise<Map<string, ShadowRow>> {
  const rows = await read(
    db,
    asked.flatMap((group) => group.slice(0, 1)),
  )
  const groups = byDevices ? await refuseBarred(db, asked, rows, results) : asked
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

/** The groups that are not refused. */
async function refuseBarred(
  db: Database,
  groups: readonly Group[],
  rows: Map<string, AskedRow>,
  results: Map<Change, Changed>,
): Promise<Group[]> {
  const unknown = groups.flatMap(([first]) => (first && !rows.has(keyOf(first)) ? [first] : []))
  const barred =
    unknown.length === 0
      ? new Set<string>()
      : await barredDevices(
          db,
          unknown.map(({ deviceId }) => deviceId),
        )
  return groups.filter((group) => {
    const [first] = group
    if (first === undefined) return false
    if (rows.get(keyOf(first))?.barred !== true && !barred.has(first.deviceId)) return true
    rows.delete(keyOf(first))
    const error = new DomainError('device.suspended')
    for (const change of group) results.set(change, { kind: 'refused', error })
    return false
  })
}

async function read(db: Database, keys: readonly Change[]): Promise<Map<string, AskedRow>> {
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
