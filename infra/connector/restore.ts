import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { Db } from '../../shared/db/database.ts'
import { statement } from '../../shared/db/statement.ts'

const MARGIN_MS = 60_000
const PER_SECOND = 500
const PAGE = 5000
const MOST_PASSES = 4

/** One walk over the lightweight shadows: those behind `after`, changed after `since` (null: all). */
const Pass = z.strictObject({ since: z.iso.datetime().nullable(), after: z.string() })
const Passes = z.array(Pass).max(MOST_PASSES)
export type Pass = z.infer<typeof Pass>

interface RestorePage {
  readonly last: string | null
  readonly devices: string[]
}

const readPasses = statement<[number], { cursor: string | null }>(
  'slot_read_cursor',
  `select cursor from connector_slots where slot = $1::smallint`,
)

const writePasses = statement<[number, bigint, string | null]>(
  'slot_write_cursor',
  `update connector_slots set cursor = $3::text where slot = $1::smallint and epoch = $2::bigint`,
)

// A page of keys, whether or not they are lightweight: a statement's time is bounded also where few are.
const readPage = statement<[string, number, Date | null, string], RestorePage>(
  'shadow_restore_page',
  `
  with page as (
    select device_id, retained, updated_at from shadows
     where shadow = '' and device_id > $1::text order by device_id limit $2::int)
  select max(page.device_id) as last,
         coalesce(array_agg(page.device_id order by page.device_id) filter (
           where page.retained and ($3::timestamptz is null or page.updated_at > $3::timestamptz)
             and coalesce(p.cell, d.broker_endpoint) = $4::text), '{}') as devices
    from page
    left join devices d on d.device_id = page.device_id
    left join device_presence p on p.device_id = page.device_id`,
)

/** What a mark says is to be sent anew, with what an earlier holder left undone. */
export function passesAfter(mark: Date | null, undone: readonly Pass[]): Pass[] {
  if (mark === null) return [{ since: null, after: '' }]
  const since = new Date(mark.getTime() - MARGIN_MS).toISOString()
  if (undone.length < MOST_PASSES) return [...undone, { since, after: '' }]
  const all = undone.some((pass) => pass.since === null)
  const earliest = undone.map((pass) => pass.since ?? since).toSorted()[0] ?? since
  return [{ since: all ? null : earliest, after: '' }]
}

export interface RestoreDeps {
  readonly db: Db
  readonly broker: string
  readonly slot: number
  readonly epoch: bigint
  readonly ring: (deviceId: string) => void
  readonly signal: AbortSignal
}

/** Has a bell rung for each device whose retained document the broker may have lost: 500 a second, resumable. */
export async function restoreRetained(deps: RestoreDeps, mark: Date | null): Promise<void> {
  const { db, slot, epoch } = deps
  let passes = passesAfter(mark, parsePasses((await db.row(readPasses, [slot]))?.cursor ?? null))
  await db.rows(writePasses, [slot, epoch, JSON.stringify(passes)])
  while (passes.length > 0 && !deps.signal.aborted) {
    passes = await step(deps, passes)
    await db.rows(writePasses, [slot, epoch, passes.length === 0 ? null : JSON.stringify(passes)])
  }
}

async function step(deps: RestoreDeps, passes: readonly Pass[]): Promise<Pass[]> {
  const { db, broker, ring, signal } = deps
  const [pass, ...rest] = passes
  if (pass === undefined) return []
  const since = pass.since === null ? null : new Date(pass.since)
  const page = await db.row(readPage, [pass.after, PAGE, since, broker])
  for (const [index, deviceId] of (page?.devices ?? []).entries()) {
    if (index > 0 && index % (PER_SECOND / 10) === 0) await pause(100, signal)
    if (signal.aborted) return [...passes]
    ring(deviceId)
  }
  const last = page?.last ?? null
  return last === null ? rest : [{ ...pass, after: last }, ...rest]
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)

function parsePasses(text: string | null): Pass[] {
  if (text === null) return []
  try {
    return Passes.parse(JSON.parse(text))
  } catch {
    // Written by another version: begin at the beginning.
    return [{ since: null, after: '' }]
  }
}
