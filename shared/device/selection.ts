import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { checkQuery, type Check, type Warning } from '../query/check.ts'
import {
  compileCount,
  compilePage,
  compileSelect,
  SORTS,
  type PageRow,
  type SortKey,
} from '../query/compile.ts'
import type { DeclaredField } from '../query/device-catalogue.ts'
import type { Query } from '../query/query.ts'
import { runQuery } from '../query/run.ts'
import { readDeclaredFields } from './queries.ts'

const ABSENT_CAP = 10_001

/** The leaves that queries may name beside a device's own fields. */
export async function declaredFields(db: Db): Promise<DeclaredField[]> {
  return db.rows(readDeclaredFields, [])
}

/** Reads a fleet query against what is declared now. Throws query.*. */
export async function readQuery(db: Db, text: string): Promise<Check> {
  return checkQuery(text, await declaredFields(db))
}

/** How many devices a query selects. */
export async function countDevices(
  db: Db,
  query: Query,
  options: { now: Date; cap?: number },
): Promise<bigint> {
  const [row] = await runQuery<{ count: bigint }>(db, query, compileCount(query, options))
  return row?.count ?? 0n
}

/** Ids of a slice of a selection, in order. */
export async function selectDevices(
  db: Db,
  query: Query,
  options: { now: Date; after?: string | undefined; limit: number },
): Promise<string[]> {
  const rows = await runQuery<{ device_id: string }>(db, query, compileSelect(query, options))
  return rows.map((row) => row.device_id)
}

/** The warnings of a query, with the counts of matches that lack a negated field. */
export async function countedWarnings(db: Db, check: Check, now: Date): Promise<Warning[]> {
  const warnings: Warning[] = [...check.warnings]
  for (const absent of check.absent) {
    const count = await countDevices(db, absent.lacking, { now, cap: ABSENT_CAP })
    if (count > 0n) warnings.push(absent.warning(count, count >= BigInt(ABSENT_CAP)))
  }
  return warnings
}

export interface Sort {
  readonly key: SortKey
  readonly descending: boolean
}

/** Reads `last_seen` or `-last_seen`; one indexed key, then the id. */
export function readSort(text: string | undefined): Sort {
  const name = text?.replace(/^-/, '') ?? 'device_id'
  const key = SORTS.find((known) => known === name)
  if (key === undefined) {
    const detail = `one of ${SORTS.join(', ')}, with - in front for descending`
    throw new DomainError('request.invalid', { errors: [{ parameter: 'sort', detail }] })
  }
  return { key, descending: text?.startsWith('-') === true }
}

export interface PageAsk {
  readonly query: Query
  readonly sort: Sort
  readonly now: Date
  readonly limit: number
  readonly after?: readonly (string | null)[] | undefined
}

/** One row more than the limit, which says whether there is another page. */
export async function pageDevices(db: Db, ask: PageAsk): Promise<PageRow[]> {
  const [deviceId, sortValue] = ask.after ?? []
  const compiled = compilePage(ask.query, {
    now: ask.now,
    limit: ask.limit + 1,
    sort: ask.sort.key,
    descending: ask.sort.descending,
    after:
      typeof deviceId !== 'string' ? undefined : { deviceId, sortValue: sortValue ?? undefined },
  })
  return runQuery<PageRow>(db, ask.query, compiled)
}
