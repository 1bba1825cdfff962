import type { Db } from '../db/database.ts'
import { readElsewhere, readStandingRows, type StandingRow } from './standing-queries.ts'

/** What a row of the outbox has for one device. */
export type Waiting = { readonly id: string } & (
  | {
      readonly kind: 'message'
      readonly topic: string
      readonly payload: Buffer
      readonly retain: boolean
    }
  | {
      readonly kind: 'shadow'
      readonly shadow: string
      readonly version: number
      readonly at: Date
    }
  /** The broker may have forgotten the retained document of a lightweight shadow, or has an old one of a device that left. */
  | { readonly kind: 'look' }
)

/** Of these devices, those that belong to another broker than the slot's. */
export async function elsewhere(
  db: Db,
  slot: number,
  deviceIds: readonly string[],
): Promise<Set<string>> {
  if (deviceIds.length === 0) return new Set()
  const rows = await db.rows(readElsewhere, [slot, deviceIds.toSorted()])
  return new Set(rows.map((row) => row.device_id))
}

/** Reads rows that still stand, by device and in their order. */
export async function readStanding(
  db: Db,
  slot: number,
  ids: readonly string[],
): Promise<Map<string, Waiting[]>> {
  const found = new Map<string, Waiting[]>()
  if (ids.length === 0) return found
  for (const row of await db.rows(readStandingRows, [slot, ids])) {
    for (const [index, device] of (row.device_ids ?? []).entries()) {
      const waiting = found.get(device) ?? []
      waiting.push(waitingOf(row, device, index))
      found.set(device, waiting)
    }
  }
  return found
}

function waitingOf(row: StandingRow, device: string, index: number): Waiting {
  const id = String(row.id)
  if (row.topic !== null) {
    const topic = row.topic.replaceAll('{id}', device)
    return {
      id,
      kind: 'message',
      topic,
      payload: row.payload ?? Buffer.alloc(0),
      retain: row.retain,
    }
  }
  const version = row.versions?.[index]
  if (version === undefined) return { id, kind: 'look' }
  return {
    id,
    kind: 'shadow',
    shadow: row.shadows?.[index] ?? '',
    version: Number(version),
    at: row.at,
  }
}
