import type { Db } from '../db/database.ts'
import { retryActions } from './action-queries.ts'
import type { Rollout } from './rollout.ts'

// A statement of 5 s; who has more failures asks again.
const RETRIED_MAX = 20_000

/** New actions for devices whose last one failed; their groups run again. */
export async function retryFailures(tx: Db, { rollout_id: id }: Rollout): Promise<number> {
  const row = await tx.row(retryActions, [id, RETRIED_MAX])
  return row?.retried ?? 0
}
