import type { Db } from '../db/database.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import { readEventHead, readEventsAfter, readEventsBefore, type EventRow } from './read-queries.ts'

/** An event as it is told. */
export interface EventView {
  /** Its place in the stream: where a reader goes on. */
  readonly id: string
  readonly at: string
  readonly kind: string
  readonly device_id: string | null
  readonly rollout_id: string | null
  readonly data: JsonObject
}

/** A place in the stream of events. */
export interface EventPlace {
  readonly xid: string
  readonly id: bigint
}

const DAY_MS = 86_400_000
/** Events are kept for 30 days. */
const KEPT_MS = 31 * DAY_MS

export function writePlace({ xid, id }: EventPlace): string {
  return `${xid}-${id}`
}

/** Undefined where the text is no place. */
export function readPlace(text: string): EventPlace | undefined {
  const [, xid, id] = /^(\d{1,19})-(\d{1,18})$/.exec(text) ?? []
  return xid === undefined || id === undefined ? undefined : { xid, id: BigInt(id) }
}

export function toEvent(row: EventRow): EventView {
  const parsed: unknown = JSON.parse(row.payload)
  return {
    id: writePlace(row),
    at: row.at.toISOString(),
    kind: row.kind,
    device_id: row.device_id,
    rollout_id: row.rollout_id === null ? null : String(row.rollout_id),
    data: isJsonObject(parsed) ? parsed : {},
  }
}

export interface EventFilter {
  /** `device.suspended`, or `device` for all of them. */
  readonly kind?: string | undefined
  readonly deviceId?: string | undefined
}

/** Newest first. */
export async function pageEvents(
  db: Db,
  { kind, deviceId }: EventFilter,
  page: { before: EventPlace | undefined; limit: number; now: Date },
): Promise<EventView[]> {
  const since = new Date(page.now.getTime() - KEPT_MS)
  const { before, limit } = page
  const rows = await db.rows(readEventsBefore, [
    before?.xid ?? null,
    before?.id ?? null,
    since,
    kind ?? null,
    deviceId ?? null,
    limit,
  ])
  return rows.map(toEvent)
}

/** What came after a place, in order. */
export async function followEvents(
  db: Db,
  place: EventPlace,
  page: { limit: number; now: Date },
): Promise<EventView[]> {
  const since = new Date(page.now.getTime() - KEPT_MS)
  const rows = await db.rows(readEventsAfter, [place.xid, place.id, since, page.limit])
  return rows.map(toEvent)
}

/** Where a reader begins that wants what comes from now on. */
export async function eventHead(db: Db): Promise<EventPlace> {
  const row = await db.row(readEventHead, [])
  return { xid: row?.xid ?? '0', id: 0n }
}
