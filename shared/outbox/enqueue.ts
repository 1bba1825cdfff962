import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { enqueueAlike, enqueueEach, type EnqueuedRow } from './enqueue-queries.ts'

/** What must keep order is in one class; a slow one blocks no other. */
export type SlotClass = 'shadow' | 'ota' | 'enroll' | 'presence'

/** Rows of one slot above which writes of operators are refused (503), until the connector has caught up. */
export const BACKLOG_ROWS = 200_000

/** Who could be reached, and the slots to hint at after the commit. */
export interface Enqueued {
  readonly slots: readonly number[]
  readonly deviceIds: ReadonlySet<string>
}

/** The same message to each of the devices; `{id}` in the topic is the device's id. */
export interface Broadcast {
  readonly deviceIds: readonly DeviceId[]
  readonly topic: string
  readonly payload: Buffer | string
  readonly retain?: boolean
  readonly class: SlotClass
}

/** A message to one device. */
export interface Message {
  readonly deviceId: DeviceId
  readonly topic: string
  readonly payload: Buffer | string
  readonly retain?: boolean
}

/**
 * Puts messages into the outbox, in the transaction of the state that they tell of. Devices that the registry does not know, or whose broker no connector
 * has ever served, are left out. After the commit: `notifyOutbox(db, slots)`.
 */
export async function enqueue(
  tx: Db,
  message: Broadcast | (Message & { readonly class: SlotClass }),
): Promise<Enqueued> {
  const deviceIds = 'deviceIds' in message ? message.deviceIds : [message.deviceId]
  const { topic, payload, retain = false } = message
  const rows = await tx.rows(enqueueAlike, [
    deviceIds.toSorted(),
    message.class,
    BACKLOG_ROWS,
    topic,
    Buffer.from(payload),
    retain,
  ])
  return enqueued(rows)
}

/** Puts messages that differ into the outbox, in their order. */
export async function enqueueAll(
  tx: Db,
  slotClass: SlotClass,
  messages: readonly Message[],
): Promise<Enqueued> {
  const rows = await tx.rows(enqueueEach, [
    messages.map((message) => message.deviceId),
    slotClass,
    BACKLOG_ROWS,
    messages.map((message) => message.topic),
    messages.map((message) => Buffer.from(message.payload)),
    messages.map((message) => message.retain ?? false),
  ])
  return enqueued(rows)
}

function enqueued(rows: readonly EnqueuedRow[]): Enqueued {
  if (rows.some((row) => row.full)) throw new DomainError('delivery.backlog')
  return {
    slots: rows.map((row) => row.slot),
    deviceIds: new Set(rows.flatMap((row) => row.devices)),
  }
}
