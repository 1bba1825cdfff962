import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { notifyOutbox } from '../outbox/notify.ts'
import { ACTION_STATES, CANCELLABLE } from './action.ts'
import { moveTo, tellStatus } from './change-rollout.ts'
import {
  cancelActions,
  cancelGone,
  drainResults,
  planAfresh,
  readUnsound,
  readLiveRollouts,
  takeRollout,
} from './engine-queries.ts'
import { judgeRollout } from './judge-rollout.ts'
import { lookAtSilent } from './look-at-silent.ts'
import { materialise } from './materialise.ts'
import { offerNext, type OfferDeps } from './offer.ts'
import { readRollout } from './read-rollout.ts'
import type { Rollout, RolloutStatus } from './rollout.ts'

interface Deps extends OfferDeps {
  readonly db: Database
  readonly clock: Clock
}

export interface Stepped {
  readonly offered: number
  readonly ended: number
  readonly looked: number
  /** Parts of the step that failed; the others went on. */
  readonly failures: readonly unknown[]
}

const BUDGET_MS = 4_000
const BATCH = 20_000
const CANCELLED_AT_ONCE = 5_000

/**
 * The engine's step, once a second: counts what ended, goes on with each rollout that moves, looks at silent devices. Its cost is that
 * of the devices that moved. Two at once do no harm: rows are taken by lock and by state.
 */
export async function stepRollouts(deps: Deps): Promise<Stepped> {
  const { db } = deps
  const end = performance.now() + BUDGET_MS
  const failures: unknown[] = []
  const slots = new Set<number>()
  const fail = (error: unknown) => {
    failures.push(error)
    return 0
  }
  const ended = await drain(db, end).catch(fail)
  const live = await db.rows(readLiveRollouts, [])
  let offered = 0
  for (const { rollout_id: id, status } of live) {
    offered += await advance(deps, id, status, slots, end).catch(fail)
  }
  const looked = await planned(db, (tx) => lookAtSilent(tx, deps, slots)).catch(fail)
  notifyOutbox(db, slots)
  return { offered, ended, looked, failures }
}

const planned = <T>(db: Database, work: (tx: Db) => Promise<T>): Promise<T> =>
  transaction(db, async (tx) => {
    await tx.rows(planAfresh, [])
    return work(tx)
  })

async function drain(db: Database, end: number): Promise<number> {
  let ended = 0
  for (let drained = BATCH; drained === BATCH && performance.now() < end;) {
    const row = await planned(db, (tx) => tx.row(drainResults, [BATCH]))
    drained = row?.drained ?? 0
    ended += drained
  }
  return ended
}

/** Slices of one rollout until nothing is left to do now, or the time is up. */
async function advance(
  deps: Deps,
  id: number,
  status: RolloutStatus,
  slots: Set<number>,
  end: number,
): Promise<number> {
  let offered = 0
  for (let done = false; !done && performance.now() < end;) {
    const slice = await planned(deps.db, async (tx) => {
      if ((await tx.row(takeRollout, [id, status])) === undefined) return { done: true, offered: 0 }
      return oneSlice(tx, deps, await readRollout({ db: tx }, String(id)), slots)
    })
    done = slice.done
    offered += slice.offered
  }
  return offered
}

interface SliceDone {
  readonly done: boolean
  readonly offered: number
}

async function oneSlice(
  tx: Db,
  deps: Deps,
  rollout: Rollout,
  slots: Set<number>,
): Promise<SliceDone> {
  const { status } = rollout
  if (status === 'running') return run(tx, deps, rollout, slots)
  if (status === 'starting') return { done: await materialise(tx, rollout), offered: 0 }
  if (status === 'stopping') return { done: await callBack(tx, rollout), offered: 0 }
  return { done: true, offered: 0 }
}

async function run(tx: Db, deps: Deps, rollout: Rollout, slots: Set<number>): Promise<SliceDone> {
  const unsound = await tx.row(readUnsound, [rollout.release_id])
  if (unsound !== undefined) {
    await pauseRollout(tx, rollout, `artifact ${unsound.artifact_id} is blocked`)
    return { done: true, offered: 0 }
  }
  if (await judgeRollout(tx, rollout)) return { done: true, offered: 0 }
  let offered = 0
  const { groups } = await readRollout({ db: tx }, String(rollout.rollout_id))
  for (const { grp, state } of groups) {
    if (state !== 'running') continue
    offered += await offerNext(tx, deps, rollout, grp, slots)
    await tx.rows(cancelGone, [rollout.rollout_id, grp])
  }
  return { done: offered === 0, offered }
}

async function pauseRollout(tx: Db, rollout: Rollout, problem: string): Promise<void> {
  await moveTo(tx, rollout, 'paused', problem)
  await tellStatus(tx, await readRollout({ db: tx }, String(rollout.rollout_id)))
}

/** Calls back who has not begun to change itself; who has, ends by itself. */
async function callBack(tx: Db, rollout: Rollout): Promise<boolean> {
  const states = ACTION_STATES.filter((state) => CANCELLABLE.includes(state))
  const row = await tx.row(cancelActions, [rollout.rollout_id, states, CANCELLED_AT_ONCE])
  if ((row?.cancelled ?? 0) === CANCELLED_AT_ONCE) return false
  await moveTo(tx, rollout, 'stopped')
  await tellStatus(tx, await readRollout({ db: tx }, String(rollout.rollout_id)))
  return true
}
