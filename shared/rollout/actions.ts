import type { Acting } from '../access/acting.ts'
import { audit } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { CANCELLABLE, type ActionState, type Phase } from './action.ts'
import {
  listActions,
  readAction,
  readStatus,
  type ActionRow,
  type StatusRow,
} from './action-queries.ts'
import { moveAll } from './move-actions.ts'

const STATUS_MAX = 1_000

export interface ActionFilter {
  readonly deviceId?: string | undefined
  readonly rolloutId?: number | undefined
  readonly state?: ActionState | undefined
  readonly phase?: Phase | undefined
}

/** Actions by device and number, those after `after`. */
export function pageOfActions(
  db: Db,
  { deviceId, rolloutId, state, phase }: ActionFilter,
  after: readonly [device: string, number: number] | undefined,
  limit: number,
): Promise<ActionRow[]> {
  return db.rows(listActions, [
    ...([deviceId ?? null, rolloutId ?? null, state ?? null, phase ?? null] as const),
    ...([after?.[0] ?? null, after?.[1] ?? null, limit] as const),
  ])
}

/** @throws {DomainError} action.not_found */
export async function findAction(db: Db, device: string, number: number): Promise<ActionRow> {
  const row = await db.row(readAction, [device, number])
  if (row === undefined) throw new DomainError('action.not_found')
  return row
}

/** What the device has said of an action, the oldest first. */
export async function readLog(db: Db, device: string, number: number): Promise<StatusRow[]> {
  const { created_at: from } = await findAction(db, device, number)
  return db.rows(readStatus, [device, number, from, STATUS_MAX])
}

/**
 * Calls an action back while its device has not begun to change itself.
 * @throws {DomainError} action.not_found, action.illegal_transition
 */
export async function cancelAction(
  tx: Db,
  by: Acting,
  device: string,
  number: number,
): Promise<ActionRow> {
  const action = await findAction(tx, device, number)
  const { state, agent_verdict: agentVerdict } = action
  if (!CANCELLABLE.includes(state)) throw new DomainError('action.illegal_transition', { state })
  const moved = await moveAll(tx, [{ action, to: 'cancelled', agentVerdict }])
  if (moved.length === 0) throw new DomainError('action.illegal_transition')
  await audit(tx, { ...by, verb: 'action.cancel', target: `${device} ${number}` })
  return findAction(tx, device, number)
}
