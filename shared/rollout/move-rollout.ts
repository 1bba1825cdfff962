import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { queueWork } from '../operation/queue.ts'
import { changeRollout, illegal, moveTo, type Wish } from './change-rollout.ts'
import { approveRollout, beginStart, runGroup, tolerateFailures, touchRollout } from './queries.ts'
import { retryFailures } from './retry.ts'
import type { Rollout } from './rollout.ts'

export interface MoveDeps {
  readonly clock: Clock
  /** The setting `rollout.approval`. */
  readonly approval: boolean
}

/** The operation's kind: hashes the artifacts of a rollout again before anything of them leaves. */
export const RECHECK_KIND = 'rollout.check'

type Move = (tx: Db, before: Rollout, wish: Wish, deps: MoveDeps) => Promise<JsonObject | undefined>

// A group runs from the moment at which the selection was through.
const isSelected = ({ groups }: Rollout): boolean =>
  groups.some((group) => group.state !== 'scheduled')

async function begin(tx: Db, { by }: Wish, { clock }: MoveDeps, rollout: Rollout): Promise<void> {
  await moveTo(tx, rollout, 'starting')
  await tx.rows(beginStart, [rollout.rollout_id, clock.now()])
  const input = { rollout_id: rollout.rollout_id, change: { check: rollout.name } }
  await queueWork(tx, by, { kind: RECHECK_KIND, owner: 'ota', input, total: 1 })
}

/** Artifacts are hashed again, devices are selected as of now, then the first group runs. */
const start: Move = async (tx, before, wish, deps) => {
  if (before.status === 'paused') throw illegal(before, 'starting', 'resume it instead')
  if (deps.approval && before.approver === null) {
    throw illegal(before, 'starting', 'a second person must approve it')
  }
  await begin(tx, wish, deps, before)
  return undefined
}

/** Nobody new is told; who has begun goes on. */
const pause: Move = async (tx, before, { by }) => {
  await moveTo(tx, before, 'paused', `paused by ${by.actor}`)
  return undefined
}

/** What failed in a group that was over its threshold no longer counts against it. */
const resume: Move = async (tx, before, wish, deps) => {
  if (before.status !== 'paused') throw illegal(before, 'running')
  if (isSelected(before)) await moveTo(tx, before, 'running')
  else await begin(tx, wish, deps, before)
  await tx.rows(tolerateFailures, [before.rollout_id])
  return undefined
}

/** For good: who has not begun to change itself is called back. */
const stop: Move = async (tx, before) => {
  await moveTo(tx, before, 'stopping')
  return undefined
}

const approve: Move = async (tx, before, { by }) => {
  if (before.status !== 'waiting_for_approval') throw illegal(before, 'ready')
  const row = await tx.row(approveRollout, [before.rollout_id, by.actor])
  if (row === undefined) throw new DomainError('rollout.self_approval')
  await moveTo(tx, before, 'ready')
  return undefined
}

/** Back to its author, who may change it and ask again. */
const deny: Move = async (tx, before, { by }) => {
  if (before.author === by.actor) throw new DomainError('rollout.self_approval')
  await moveTo(tx, before, 'draft', `denied by ${by.actor}`)
  return undefined
}

/** The next group starts whatever the thresholds say. */
const advance: Move = async (tx, before) => {
  const going = before.status === 'running' || (before.status === 'paused' && isSelected(before))
  if (!going) throw illegal(before, 'running')
  const next = before.groups.find((group) => group.state === 'scheduled')
  if (next === undefined) throw illegal(before, 'running', 'no group is left')
  await tx.rows(tolerateFailures, [before.rollout_id])
  await tx.rows(runGroup, [before.rollout_id, next.grp])
  if (before.status === 'paused') await moveTo(tx, before, 'running')
  else await tx.rows(touchRollout, [before.rollout_id])
  return { group: next.grp }
}

/** Devices that failed are asked once more. */
const retry: Move = async (tx, before) => {
  const going = ['running', 'paused', 'finished'].includes(before.status) && isSelected(before)
  if (!going) throw illegal(before, 'running')
  const retried = await retryFailures(tx, before)
  if (retried === 0) throw illegal(before, 'running', 'no device failed')
  if (before.status === 'running') await tx.rows(touchRollout, [before.rollout_id])
  else await moveTo(tx, before, 'running')
  return { devices: retried }
}

/** What an operator may ask of a rollout, by the last word of the path. */
export const ROLLOUT_VERBS = { start, pause, resume, stop, approve, deny, advance, retry } as const
export type RolloutVerb = keyof typeof ROLLOUT_VERBS

/**
 * Does one of the verbs. After the commit: kick `ota` (a start hashes first) and `ota-notify`.
 * @throws {DomainError} rollout.illegal_transition, rollout.self_approval, request.precondition_failed
 */
export function moveRolloutBy(
  tx: Db,
  deps: MoveDeps,
  verb: RolloutVerb,
  wish: Wish,
): Promise<Rollout> {
  const change = { ...wish, verb: `rollout.${verb}` }
  return changeRollout(tx, change, (before) => ROLLOUT_VERBS[verb](tx, before, wish, deps))
}
