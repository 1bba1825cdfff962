import type { Acting } from '../access/acting.ts'
import type { Database, Db } from '../db/database.ts'
import { failure, selectionStep, succeeded } from '../device/selection-operation.ts'
import { countDevices } from '../device/selection.ts'
import { DomainError } from '../errors.ts'
import type { Step } from '../operation/advance.ts'
import type { SliceResult } from '../operation/operation.ts'
import { queueWork } from '../operation/queue.ts'
import type { Check } from '../query/check.ts'
import { CANCELLABLE } from './action.ts'
import { readUnended } from './action-queries.ts'
import { moveAll } from './move-actions.ts'
import { readRollout } from './read-rollout.ts'

export const ACTIONS_BULK_KIND = 'actions.bulk'
const SLICE = 200

export interface ActionsBulkAsk {
  readonly check: Check
  /** Only actions of this one, by name or id. */
  readonly rollout?: string | undefined
  readonly now: Date
  readonly expect?: number | undefined
  readonly maxFailedPercent: number
}

/**
 * Queues that the actions of selected devices are called back; the query and its `now` are kept, so that every slice means the same.
 * @throws {DomainError} operation.selection_changed, rollout.not_found
 */
export async function queueActionsBulk(tx: Db, by: Acting, ask: ActionsBulkAsk): Promise<number> {
  const { check, rollout, now, expect, maxFailedPercent } = ask
  const total = Number(await countDevices(tx, check.query, { now }))
  if (expect !== undefined && expect !== total) {
    throw new DomainError('operation.selection_changed', { count: total, expected: expect })
  }
  const id = rollout === undefined ? undefined : (await readRollout({ db: tx }, rollout)).rollout_id
  const input = {
    change: { state: 'cancelled', ...(id !== undefined && { rollout: String(id) }) },
    now: now.toISOString(),
    max_failed_percent: maxFailedPercent,
  }
  const query = check.text
  return queueWork(tx, by, { kind: ACTIONS_BULK_KIND, owner: 'ota', input, query, total })
}

/** One slice of devices. */
export function actionsBulkStep({ db }: { readonly db: Database }): Step {
  return selectionStep({
    db,
    sliceSize: () => SLICE,
    apply: (tx, { ids, change }) => {
      const { rollout } = change
      return cancelOf(tx, ids, typeof rollout === 'string' ? Number(rollout) : null)
    },
  })
}

async function cancelOf(
  tx: Db,
  ids: readonly string[],
  rollout: number | null,
): Promise<SliceResult[]> {
  const actions = await tx.rows(readUnended, [ids, rollout])
  const moved = await moveAll(
    tx,
    actions
      .filter(({ state }) => CANCELLABLE.includes(state))
      .map((action) => ({
        action,
        to: 'cancelled' as const,
        agentVerdict: action.agent_verdict,
      })),
  )
  const done = new Set(moved.map((row) => row.device_id))
  const busy = new Set(actions.map((row) => row.device_id))
  return ids.map((id) => {
    if (done.has(id)) return succeeded(id)
    return failure(id, busy.has(id) ? 'action.illegal_transition' : 'action.not_found')
  })
}
