import type { Db } from '../db/database.ts'
import type { Change } from './change.ts'
import { mayBeRepeat, type Recalled } from './plan.ts'
import { recallShadows, type ShadowRow } from './queries.ts'
import { tokenHash } from './tokens.ts'

/** Asks history which of these requests were applied before. Most batches have none that might, and ask nothing. */
export async function recall(
  db: Db,
  deliveredSlot: number | null,
  asked: readonly (readonly [ShadowRow, readonly Change[]])[],
): Promise<ReadonlyMap<Change, Recalled>> {
  const found = new Map<Change, Recalled>()
  const suspects = asked.flatMap(([row, changes]) =>
    changes.filter((change) => mayBeRepeat(row, change)),
  )
  if (suspects.length === 0) return found
  const rows = await db.rows(recallShadows, [
    suspects.map((_, index) => index),
    suspects.map(({ deviceId }) => deviceId),
    suspects.map(({ shadow }) => shadow),
    suspects.map(({ text }) => text),
    suspects.map(({ dup, packet }) => (dup ? packet : null)),
    suspects.map(({ clientToken }) => tokenHash(clientToken) !== undefined),
    deliveredSlot,
  ])
  for (const { n, version, at, by_packet: byPacket } of rows) {
    const change = suspects[n]
    if (change) found.set(change, { version: Number(version), at, byPacket })
  }
  return found
}
