import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { readUnended } from './action-queries.ts'
import { moveAll } from './move-actions.ts'

/** Ends what a device had still to do, before it is removed: its rollouts would wait for it for ever. */
export async function forgetActions(tx: Db, deviceId: DeviceId): Promise<void> {
  const actions = await tx.rows(readUnended, [[deviceId], null])
  await moveAll(
    tx,
    actions.map((action) => ({
      action,
      to: 'cancelled' as const,
      agentVerdict: action.agent_verdict,
    })),
  )
}
