import { randomInt } from 'node:crypto'
import type { Db } from '../db/database.ts'
import { readUses, takeUses } from './credential-queries.ts'

/** A credential has not enough uses left for the batch; its transaction is rolled back. */
export class Spent extends Error {
  readonly credentialId: string

  constructor(credentialId: string) {
    super('the credential is used up')
    this.name = 'Spent'
    this.credentialId = credentialId
  }
}

/**
 * Counts uses, as the last statements of a transaction, so that the counters are locked for as short as can be. One slot is exact;
 * sixteen share what is allowed, and whoever finds one empty tries the others.
 */
export async function takeUsesOf(
  tx: Db,
  credentialIds: readonly string[],
  now: Date,
): Promise<void> {
  const counts = new Map<string, number>()
  for (const id of credentialIds) counts.set(id, (counts.get(id) ?? 0) + 1)
  const ids = [...counts.keys()].toSorted()
  if (ids.length === 0) return
  const slots = new Map((await tx.rows(readUses, [ids])).map((row) => [row.credential_id, row]))
  for (const id of ids) {
    const count = counts.get(id) ?? 0
    const found = slots.get(id)
    if (!found || found.left < BigInt(count)) throw new Spent(id)
    if (!(await takeFrom(tx, id, { slots: found.slots, count, now }))) throw new Spent(id)
  }
}

async function takeFrom(
  tx: Db,
  id: string,
  { slots, count, now }: { slots: number; count: number; now: Date },
): Promise<boolean> {
  const start = randomInt(slots)
  for (let i = 0; i < slots; i++) {
    if (await tx.row(takeUses, [id, (start + i) % slots, count, now])) return true
  }
  return false
}
