import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { deviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import { enqueue, type SlotClass } from '../outbox/enqueue.ts'
import {
  deleteDeadLetter,
  listDeadLetters,
  readDeadLetter,
  replayDeadLetter,
  type DeadLetterRow,
} from './queries.ts'

/** A message that no function could take, as it is shown. */
export interface DeadLetter {
  readonly id: string
  readonly at: string
  readonly device_id: string | null
  readonly topic: string
  readonly bytes: number
  readonly reason: string
  /** Decimal. */
  readonly delivery: string | null
  readonly replayed_at: string | null
}

export interface DeadLetterFilter {
  readonly deviceId?: string | undefined
  readonly reason?: string | undefined
}

const viewOf = (row: DeadLetterRow): DeadLetter => ({
  id: String(row.id),
  at: row.at.toISOString(),
  device_id: row.device_id,
  topic: row.topic,
  bytes: row.bytes,
  reason: row.reason,
  delivery: row.delivery === null ? null : String(row.delivery),
  replayed_at: row.replayed_at?.toISOString() ?? null,
})

/** Newest first, below an id; one more than the limit says that there is another page. */
export async function pageDeadLetters(
  db: Db,
  filter: DeadLetterFilter,
  before: bigint | null,
  limit: number,
): Promise<DeadLetter[]> {
  const { deviceId: device = null, reason = null } = filter
  return (await db.rows(listDeadLetters, [device, reason, before, limit + 1])).map(viewOf)
}

/** With its payload in base64. Throws dead_letter.not_found. */
export async function findDeadLetter(
  db: Db,
  id: bigint,
): Promise<DeadLetter & { readonly payload: string }> {
  const row = await db.row(readDeadLetter, [id])
  if (row === undefined) throw new DomainError('dead_letter.not_found')
  return { ...viewOf(row), payload: row.payload?.toString('base64') ?? '' }
}

/**
 * Sends it again, through the broker, as if the device had just published it: without its old identity, so what had an effect has it again.
 * Returns the slots to hint at after the commit.
 * @throws {DomainError} dead_letter.not_found, dead_letter.not_replayable, delivery.backlog
 */
export async function replay(
  tx: Db,
  acting: Acting,
  id: bigint,
  classOf: (topic: string) => SlotClass | undefined,
): Promise<readonly number[]> {
  const row = await tx.row(readDeadLetter, [id])
  if (row === undefined) throw new DomainError('dead_letter.not_found')
  const device = row.device_id === null ? undefined : deviceId(row.device_id)
  const slotClass = classOf(row.topic)
  if (device === undefined || slotClass === undefined) {
    throw new DomainError('dead_letter.not_replayable')
  }
  const { slots } = await enqueue(tx, {
    deviceId: device,
    topic: row.topic,
    payload: row.payload ?? Buffer.alloc(0),
    class: slotClass,
  })
  if (slots.length === 0) {
    throw new DomainError('dead_letter.not_replayable', { detail: 'nobody serves the device' })
  }
  await tx.rows(replayDeadLetter, [id])
  const detail = { topic: row.topic }
  await audit(tx, { ...acting, verb: 'dead_letter.replay', target: String(id), detail })
  return slots
}

/** Throws dead_letter.not_found. */
export async function discard(tx: Db, acting: Acting, id: bigint): Promise<void> {
  const row = await tx.row(deleteDeadLetter, [id])
  if (row === undefined) throw new DomainError('dead_letter.not_found')
  await audit(tx, { ...acting, verb: 'dead_letter.discard', target: String(id) })
}
