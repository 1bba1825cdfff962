import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { readHistoryText } from './change.ts'
import { fromText, sectionText, type Held } from './held.ts'
import {
  deleteAccepted,
  deltaNotice,
  documentsNotice,
  snapshot,
  updateAccepted,
  type Stamp,
} from './notice.ts'
import {
  readDeviceShadows,
  readRequests,
  readShadows,
  retainShadows,
  type RequestRow,
  type ShadowRow,
} from './queries.ts'
import { parseToken, parseUpdate } from './request.ts'

/** A version that was committed, and of which nobody was told for sure. */
export interface Untold {
  readonly deviceId: string
  readonly shadow: string
  readonly version: number
  /** Of the row in the outbox. */
  readonly at: Date
}

export interface Accepted {
  /** That the row of the outbox names. */
  readonly version: number
  readonly verb: 'update' | 'delete'
  readonly payload: string
}

/** A shadow as of now, in the words that are published. */
export interface Telling {
  readonly deviceId: string
  readonly shadow: string
  readonly delta: string | undefined
  /** `previous` omitted: history holds patches. */
  readonly documents: string | undefined
  /** The whole desired document of a lightweight shadow. */
  readonly desired: string | undefined
  /** Of every untold version, oldest first. */
  readonly accepted: readonly Accepted[]
}

// Several are told in one answer of 8 MiB: metadata is left out earlier than where each has an answer of its own.
const TOLD_BYTES = 1024 * 1024

interface Deps {
  readonly db: Db
  readonly clock: Clock
}

/** Makes lightweight shadows of these devices' classic ones, whether they exist or not. */
export async function retainDesired(db: Db, deviceIds: readonly string[]): Promise<void> {
  if (deviceIds.length > 0) await db.rows(retainShadows, [deviceIds.toSorted()])
}

/** Tells versions again, each shadow once: the delta as of now, so that it never goes back. */
export async function retellVersions(deps: Deps, untold: readonly Untold[]): Promise<Telling[]> {
  if (untold.length === 0) return []
  const keys = new Map(untold.map((each) => [`${each.deviceId} ${each.shadow}`, each]))
  const unique = [...keys.values()]
  const [rows, requests] = await Promise.all([
    deps.db.rows(readShadows, [
      unique.map(({ deviceId }) => deviceId),
      unique.map(({ shadow }) => shadow),
    ]),
    deps.db.rows(readRequests, [
      untold.map(({ deviceId }) => deviceId),
      untold.map(({ shadow }) => shadow),
      untold.map(({ version }) => version),
      untold.map(({ at }) => at),
    ]),
  ])
  const byShadow = Map.groupBy(requests, (row) => `${row.device_id} ${row.shadow}`)
  return rows.map((row) =>
    tell(deps.clock, row, byShadow.get(`${row.device_id} ${row.shadow}`) ?? []),
  )
}

/** Tells all shadows of these devices as they are now. */
export async function tellDevices(deps: Deps, deviceIds: readonly string[]): Promise<Telling[]> {
  if (deviceIds.length === 0) return []
  const rows = await deps.db.rows(readDeviceShadows, [deviceIds])
  return rows.map((row) => tell(deps.clock, row, []))
}

function tell(clock: Clock, row: ShadowRow, requests: readonly RequestRow[]): Telling {
  const held = fromText({ ...row, version: Number(row.version) })
  const at = Math.floor(clock.now().getTime() / 1000)
  const stamp: Stamp = { version: held.version, at }
  const current = snapshot(held)
  return {
    deviceId: row.device_id,
    shadow: row.shadow,
    delta: deltaNotice(held, stamp, TOLD_BYTES),
    documents:
      current === null ? undefined : documentsNotice(undefined, current, stamp, TOLD_BYTES),
    desired: row.retained && held.version > 0 ? desiredOf(held) : undefined,
    accepted: requests.flatMap(acceptedOf),
  }
}

// A deleted shadow has no document: the retained message goes.
const desiredOf = (held: Held): string => (held.exists ? (sectionText(held.desired) ?? '{}') : '')

function acceptedOf({ version: number, at, request: text }: RequestRow): Accepted[] {
  const version = Number(number)
  const { kind, request } = readHistoryText(text)
  try {
    if (kind === 'report') return []
    if (kind === 'delete') {
      const stamp = { ...parseToken(request), version: version - 1, at }
      return [{ version, verb: kind, payload: deleteAccepted(stamp) }]
    }
    const { clientToken, state } = parseUpdate(request)
    const payload = updateAccepted(state, { clientToken, version, at }, TOLD_BYTES)
    return [{ version, verb: kind, payload }]
  } catch (error) {
    // Accepted by rules of another version of this code: that it was accepted is all that can be said of it.
    if (error instanceof DomainError) return []
    throw error
  }
}
