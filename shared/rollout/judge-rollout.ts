import type { Db } from '../db/database.ts'
import { moveTo, tellStatus } from './change-rollout.ts'
import { endGroup, runGroup } from './queries.ts'
import { readRollout } from './read-rollout.ts'
import type { GroupRow, Rollout } from './rollout.ts'
import { judgeGroup } from './threshold.ts'

/**
 * Applies the thresholds to the counters: pauses on failures, starts the next group, ends groups and the rollout. Repeated until nothing
 * changes, since an empty group is passed at once. True: the rollout no longer runs.
 */
export async function judgeRollout(tx: Db, rollout: Rollout): Promise<boolean> {
  const groups = rollout.groups.map((group) => Object.assign({}, group))
  for (;;) {
    const running = groups.filter((group) => group.state === 'running')
    const failed = running.map((group) => problemOf(group, rollout)).find((each) => each)
    if (failed !== undefined) {
      await tx.rows(endGroup, [rollout.rollout_id, failed.grp, 'failed'])
      await end(tx, rollout, 'paused', `group ${failed.grp}: ${failed.problem}`)
      return true
    }
    if (!(await passOn(tx, rollout, groups))) break
  }
  if (groups.some((group) => group.state !== 'finished')) return false
  await end(tx, rollout, 'finished')
  return true
}

function problemOf(
  group: GroupRow,
  { rules }: Rollout,
): { grp: number; problem: string } | undefined {
  const judgement = judgeGroup(group, rules)
  return judgement.kind === 'failed' ? { grp: group.grp, problem: judgement.problem } : undefined
}

/** Ends groups that are through and starts the one after the last that has passed. */
async function passOn(tx: Db, { rollout_id: id, rules }: Rollout, groups: GroupRow[]) {
  let changed = false
  for (const group of groups.filter((each) => each.state === 'running')) {
    const judgement = judgeGroup(group, rules)
    if (judgement.kind !== 'passed') continue
    const next = groups.find((each) => each.grp === group.grp + 1)
    if (next?.state === 'scheduled') {
      await tx.rows(runGroup, [id, next.grp])
      next.state = 'running'
      changed = true
    }
    if (judgement.ended) {
      await tx.rows(endGroup, [id, group.grp, 'finished'])
      group.state = 'finished'
      changed = true
    }
  }
  return changed
}

async function end(
  tx: Db,
  rollout: Rollout,
  status: 'paused' | 'finished',
  problem: string | null = null,
): Promise<void> {
  await moveTo(tx, rollout, status, problem)
  await tellStatus(tx, await readRollout({ db: tx }, String(rollout.rollout_id)))
}
