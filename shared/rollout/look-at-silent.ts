import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { readDueActions, saveChecks, type DueRow } from './engine-queries.ts'
import { moveAll } from './move-actions.ts'
import { notifyDevices, type OfferDeps } from './offer.ts'
import { readRollout } from './read-rollout.ts'
import { Timeouts } from './rules.ts'
import { judgeSilence, type Look } from './silence.ts'

const LOOKED_AT_ONCE = 2_000

interface Deps extends OfferDeps {
  readonly clock: Clock
}

interface Looked {
  readonly row: DueRow
  readonly look: Look
}

/** Looks at the open actions that are due: ends what was silent for too long, tells again who may not have heard. Answers how many. */
export async function lookAtSilent(tx: Db, deps: Deps, slots: Set<number>): Promise<number> {
  const now = deps.clock.now()
  const rows = await tx.rows(readDueActions, [now, LOOKED_AT_ONCE])
  const looked = rows.map((row) => ({ row, look: judge(row, now) }))
  await moveAll(
    tx,
    looked.flatMap(({ row, look }) =>
      look.kind === 'end' ? [{ action: row, to: look.state, agentVerdict: row.agent_verdict }] : [],
    ),
  )
  await tx.rows(saveChecks, [
    looked.map(({ row }) => row.device_id),
    looked.map(({ row }) => row.number),
    looked.map(({ row }) => row.state),
    looked.map(({ look }) => (look.kind === 'wait' ? look.next : now)),
  ])
  await offerAgain(tx, deps, looked, slots)
  return rows.length
}

function judge(row: DueRow, now: Date): Look {
  const silent = {
    state: row.state,
    stateAt: row.state_at,
    dueAt: row.due_at,
    version: row.version,
    fromVersion: row.from_version,
    firmwareVer: row.firmware_ver,
    connectedAt: row.connected_at,
    gone: row.status === null || row.status === 'decommissioned',
  }
  return judgeSilence(silent, Timeouts.parse(row.timeouts), now)
}

async function offerAgain(
  tx: Db,
  deps: Deps,
  looked: readonly Looked[],
  slots: Set<number>,
): Promise<void> {
  const again = looked.filter(({ look }) => look.kind === 'wait' && look.offerAgain)
  for (const [id, group] of Map.groupBy(again, ({ row }) => row.rollout_id)) {
    const rollout = await readRollout({ db: tx }, String(id))
    // Whoever paused it wants nobody new to begin.
    if (rollout.status !== 'running') continue
    await notifyDevices(
      tx,
      deps,
      rollout,
      group.map(({ row }) => row),
      slots,
    )
  }
}
