import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { emit } from '../event/emit.ts'
import type { JsonObject } from '../json.ts'
import { checkRevision, type Expected } from '../revision.ts'
import { lockRollout, moveRollout } from './queries.ts'
import { readRollout } from './read-rollout.ts'
import { statesBefore, type Rollout, type RolloutStatus } from './rollout.ts'

/** One operator's wish about one rollout, and the revision that it was made of. */
export interface Wish {
  readonly by: Acting
  readonly name: string
  readonly expected: Expected
}

export interface Change extends Wish {
  /** `rollout.start`, as the audit log has it. */
  readonly verb: string
}

/** Changes a rollout under its lock and tells of it; the state, the record and the event commit together. */
export async function changeRollout(
  tx: Db,
  { verb, by, name, expected }: Change,
  work: (rollout: Rollout) => Promise<JsonObject | undefined>,
): Promise<Rollout> {
  const { rollout_id: id } = await readRollout({ db: tx }, name)
  const locked = await tx.row(lockRollout, [id])
  if (locked === undefined) throw new DomainError('rollout.not_found')
  checkRevision(expected, locked.revision)
  const before = await readRollout({ db: tx }, String(id))
  const detail = await work(before)
  await audit(tx, { ...by, verb, target: before.name, ...(detail && { detail }) })
  const after = await readRollout({ db: tx }, String(id))
  if (after.status !== before.status) await tellStatus(tx, after)
  return after
}

/** The event of a new status. */
export async function tellStatus(tx: Db, rollout: Rollout): Promise<void> {
  const { name, problem, status, rollout_id: rolloutId } = rollout
  await emit(tx, { kind: `rollout.${status}`, rolloutId, payload: { name, problem } })
}

/**
 * Moves a rollout; the table says from where.
 * @throws {DomainError} rollout.illegal_transition
 */
export async function moveTo(
  tx: Db,
  rollout: Rollout,
  to: RolloutStatus,
  problem: string | null = null,
): Promise<void> {
  const row = await tx.row(moveRollout, [rollout.rollout_id, to, statesBefore(to), problem])
  if (row === undefined) throw illegal(rollout, to)
}

export function illegal({ status }: Rollout, to: RolloutStatus, detail?: string): DomainError {
  return new DomainError('rollout.illegal_transition', {
    status,
    wanted: to,
    ...(detail !== undefined && { detail }),
  })
}
