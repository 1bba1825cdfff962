import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import type { JsonObject } from '../json.ts'
import { insertEvents } from './queries.ts'

/** Something that operators, webhooks and the console may want to know. */
export interface MusterEvent {
  /** `noun.what_happened`, such as `device.suspended`. */
  readonly kind: string
  readonly deviceId?: DeviceId
  readonly rolloutId?: number
  readonly payload?: JsonObject
}

/** Appends an event in the caller's transaction: it is told exactly if the change it tells of was committed. */
export async function emit(tx: Db, event: MusterEvent): Promise<void> {
  await emitAll(tx, [event])
}

/** Many events in one statement. */
export async function emitAll(tx: Db, events: readonly MusterEvent[]): Promise<void> {
  if (events.length === 0) return
  await tx.rows(insertEvents, [
    events.map((event) => event.kind),
    events.map((event) => event.deviceId ?? null),
    events.map((event) => event.rolloutId ?? null),
    events.map((event) => JSON.stringify(event.payload ?? {})),
  ])
}
