import type { Db } from '../db/database.ts'
import { tellStatus } from './change-rollout.ts'
import { saveCursor } from './engine-queries.ts'
import { moveRollout, runGroup } from './queries.ts'
import { readRollout } from './read-rollout.ts'
import { groupBounds, type Rollout } from './rollout.ts'
import { makeActions } from './selection.ts'

// 100,000 actions take 1.1 s in one statement; a slice stays short of the statement's 5 s on a slow disk.
const SLICE_DEVICES = 20_000

/** Makes the next slice of a starting rollout's actions; after the last one the first group runs. False: go on at once. */
export async function materialise(tx: Db, rollout: Rollout): Promise<boolean> {
  const { rollout_id: id, rules } = rollout
  const slice = await makeActions(tx, rollout, groupBounds(rules.groups), SLICE_DEVICES)
  // A device that has another action of this second: the same slice again, a second later.
  if (slice.made < slice.wanted) return true
  if (slice.seen === SLICE_DEVICES) {
    await tx.rows(saveCursor, [id, slice.last])
    return false
  }
  await tx.rows(moveRollout, [id, 'running', ['starting'], null])
  await tx.rows(runGroup, [id, 1])
  await tellStatus(tx, await readRollout({ db: tx }, String(id)))
  return true
}
