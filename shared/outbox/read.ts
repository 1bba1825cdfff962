// The reading side: the holder of a slot alone reads and deletes its rows, so there is no lease and no `skip locked`.
import type { Db } from '../db/database.ts'
import { backlog, deleteRows, pollRows, rowsOfDevices, type WaitingRow } from './read-queries.ts'

export type { WaitingRow } from './read-queries.ts'

const PAGE = 1000

export interface OutboxPosition {
  readonly slot: number
  /** The reader's own connection: rows of its own calls are carried out by their answers. */
  readonly epoch: bigint
  /** Only rows above it; 0: all. */
  readonly low: bigint
}

/** Rows that nobody's answer will carry out. */
export function pollOutbox(db: Db, { slot, epoch, low }: OutboxPosition): Promise<WaitingRow[]> {
  return db.rows(pollRows, [slot, low, epoch, PAGE])
}

/** All rows that name one of these devices, whoever wrote them: after an answer that got lost. */
export function findOutbox(
  db: Db,
  slot: number,
  deviceIds: readonly string[],
): Promise<WaitingRow[]> {
  return db.rows(rowsOfDevices, [slot, deviceIds.toSorted(), PAGE])
}

/** Forgets rows whose messages the broker has taken. */
export async function deleteDelivered(db: Db, slot: number, ids: readonly bigint[]): Promise<void> {
  await db.rows(deleteRows, [slot, ids])
}

/** How much waits in a slot, and for how long. */
export async function outboxBacklog(
  db: Db,
  slot: number,
): Promise<{ rows: number; seconds: number }> {
  const row = await db.row(backlog, [slot])
  return { rows: Number(row?.rows ?? 0n), seconds: row?.seconds ?? 0 }
}
