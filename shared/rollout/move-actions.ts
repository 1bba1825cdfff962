import type { Db } from '../db/database.ts'
import { deviceId } from '../device-id.ts'
import { emitAll } from '../event/emit.ts'
import { phaseOf, type ActionState } from './action.ts'
import { insertStatus, moveActions, type MovedRow, type StandingRow } from './action-queries.ts'

export interface Move {
  readonly action: Pick<StandingRow, 'device_id' | 'number' | 'state'>
  readonly to: ActionState
  readonly agentVerdict: string | null
}

export interface Told {
  readonly deviceId: string
  readonly number: number
  readonly state: ActionState
  readonly code?: number | null
  readonly progress?: number | null
  readonly messages?: string | null
}

/**
 * Moves actions from the states that were read; what someone else moved meanwhile is left out of the answer. Ends are told to
 * the engine and as events; `history` is what the devices said, else one row a move.
 */
export async function moveAll(
  tx: Db,
  moves: readonly Move[],
  history?: readonly Told[],
): Promise<MovedRow[]> {
  if (moves.length === 0) return []
  const sorted = moves.toSorted((a, b) => order(a.action, b.action))
  const moved = await tx.rows(moveActions, [
    sorted.map(({ action }) => action.device_id),
    sorted.map(({ action }) => action.number),
    sorted.map(({ action }) => action.state),
    sorted.map(({ to }) => to),
    sorted.map(({ to }) => phaseOf(to)),
    sorted.map(({ agentVerdict }) => agentVerdict),
  ])
  const done = new Set(moved.map((row) => `${row.number} ${row.device_id}`))
  const told = history ?? moved.map((row) => ({ ...key(row), state: row.state }))
  await tell(
    tx,
    told.filter((each) => done.has(`${each.number} ${each.deviceId}`)),
  )
  await emitEnds(tx, moved)
  return moved
}

const key = (row: MovedRow) => ({ deviceId: row.device_id, number: row.number })

function order(a: Move['action'], b: Move['action']): number {
  if (a.device_id === b.device_id) return a.number - b.number
  return a.device_id < b.device_id ? -1 : 1
}

/** Rows of the actions' history. */
export async function tell(tx: Db, rows: readonly Told[]): Promise<void> {
  if (rows.length === 0) return
  await tx.rows(insertStatus, [
    rows.map((row) => row.deviceId),
    rows.map((row) => row.number),
    rows.map((row) => row.state),
    rows.map((row) => row.code ?? null),
    rows.map((row) => row.progress ?? null),
    rows.map((row) => row.messages ?? null),
  ])
}

async function emitEnds(tx: Db, moved: readonly MovedRow[]): Promise<void> {
  await emitAll(
    tx,
    moved.flatMap((row) => {
      const id = deviceId(row.device_id)
      if (row.phase !== 'ended' || id === undefined) return []
      const payload = { number: row.number }
      const kind = `action.${row.state}`
      return [{ kind, deviceId: id, rolloutId: row.rollout_id, payload }]
    }),
  )
}
