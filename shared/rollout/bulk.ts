import type { Acting } from '../access/acting.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { countDevices, readQuery, selectDevices } from '../device/selection.ts'
import { DomainError } from '../errors.ts'
import type { Step } from '../operation/advance.ts'
import type { Operation, Slice, SliceResult } from '../operation/operation.ts'
import { queueWork } from '../operation/queue.ts'
import type { Check } from '../query/check.ts'
import { CANCELLABLE } from './action.ts'
import { readUnended, type UnendedRow } from './action-queries.ts'
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
  const of = rollout === undefined ? null : (await readRollout({ db: tx }, rollout)).rollout_id
  return queueWork(tx, by, {
    kind: ACTIONS_BULK_KIND,
    owner: 'ota',
    input: {
      change: { state: 'cancelled', ...(rollout !== undefined && { rollout }) },
      rollout_id: of,
      now: now.toISOString(),
      max_failed_percent: maxFailedPercent,
    },
    query: check.text,
    total,
  })
}

/** One slice of devices. */
export function actionsBulkStep({ db }: { readonly db: Database }): Step {
  return async (operation, save) => {
    const { query } = await readQuery(db, operation.query ?? '')
    const { now: said } = operation.input
    const now = new Date(typeof said === 'string' ? said : 0)
    const after = operation.cursor ?? undefined
    const ids = await selectDevices(db, query, { now, after, limit: SLICE })
    const rollout = operation.input['rollout_id']
    await transaction(db, async (tx) => {
      const of = typeof rollout === 'number' ? rollout : null
      const results = await cancelOf(tx, ids, await tx.rows(readUnended, [ids, of]))
      await save(tx, sliceOf(operation, ids, results))
    })
  }
}

async function cancelOf(
  tx: Db,
  ids: readonly string[],
  actions: readonly UnendedRow[],
): Promise<SliceResult[]> {
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
  return ids.map((key): SliceResult => {
    if (done.has(key)) return { key, state: 'succeeded' }
    const code = busy.has(key) ? 'action.illegal_transition' : 'action.not_found'
    return { key, state: 'failed', code }
  })
}

function sliceOf(operation: Operation, ids: readonly string[], results: SliceResult[]): Slice {
  const failed = results.filter(({ state }) => state === 'failed').length
  const most = Number(operation.input['max_failed_percent'] ?? 100)
  const total = Math.max(operation.total ?? 0, operation.done + operation.failed + ids.length, 1)
  const tooMany = ((operation.failed + failed) / total) * 100 > most
  const end = tooMany ? 'failed' : ids.length < SLICE ? 'succeeded' : undefined
  return {
    cursor: ids.at(-1) ?? operation.cursor,
    done: results.length - failed,
    failed,
    results,
    ...(end && { end }),
  }
}
