import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { deviceId } from '../device-id.ts'
import { applyReportedVersions } from '../rollout/reported-version.ts'
import type { Plan } from './plan.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

/**
 * What devices say that they run, where that leaf is declared: the registry shows it, and an action that waits for it ends. Before the write, since it
 * may be said twice, but must not get lost between the two.
 */
export async function reportVersions({ db, clock }: Deps, plans: readonly Plan[]): Promise<void> {
  const at = clock.now()
  const reports = plans.flatMap(({ shadow, firmware }) => {
    const id = shadow && deviceId(shadow.device_id)
    return id === undefined || firmware === undefined
      ? []
      : [{ deviceId: id, version: firmware, at }]
  })
  if (reports.length > 0) await transaction(db, (tx) => applyReportedVersions(tx, reports))
}
