import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { sqlState, transaction } from '../db/transaction.ts'
import type { Leaves } from '../index/leaves.ts'
import type { Change, DeliveredBy } from './change.ts'
import type { Plan } from './plan.ts'
import { rewriteFacts, writeShadows, type WriteRow } from './queries.ts'
import { reportVersions } from './report-versions.ts'
import { keyOfRow } from './rows.ts'

export interface ShadowDeps {
  readonly db: Database
  readonly clock: Clock
  /** Largest shadow: desired and reported as JSON. */
  readonly maxBytes: number
}

export interface Batch {
  readonly changes: readonly Change[]
  /** Undefined: they came by HTTP or cron. */
  readonly deliveredBy?: DeliveredBy
  /** Asked before each write: false, nothing more may be written. */
  readonly inTime: () => boolean
}

// deadlock_detected, lock_not_available, serialization_failure: the batch again.
const CONTENTION = new Set(['40P01', '55P03', '40001'])

export interface Written {
  /** Shadows that were written, by `keyOfRow`. */
  readonly keys: ReadonlySet<string>
  readonly outbox: readonly string[]
}

const NOTHING: Written = { keys: new Set(), outbox: [] }

/** Writes what is planned, in one statement; what changed since it was read is left out. */
export async function writePlans(
  deps: ShadowDeps,
  batch: Batch,
  leaves: Leaves,
  plans: readonly Plan[],
): Promise<Written> {
  if (plans.length === 0) return NOTHING
  await reportVersions(deps, plans)
  if (!batch.inTime()) return NOTHING
  const unready = plans.some((plan) => plan.unready.length > 0)
  try {
    const row = unready
      ? await transaction(deps.db, (tx) => writeWithUnready(tx, batch, leaves, plans))
      : await writeOnce(deps.db, batch, leaves, plans)
    return { keys: new Set(row?.written), outbox: row?.outbox_ids ?? [] }
  } catch (error) {
    if (CONTENTION.has(sqlState(error) ?? '')) return NOTHING
    throw error
  }
}

const listOf = (plans: readonly Plan[], of: (plan: Plan) => readonly object[]): string =>
  JSON.stringify(plans.flatMap(of))

function writeOnce(
  db: Db,
  { deliveredBy }: Batch,
  leaves: Leaves,
  plans: readonly Plan[],
): Promise<WriteRow | undefined> {
  return db.row(writeShadows, [
    JSON.stringify(plans.map(({ shadow }) => shadow)),
    listOf(plans, ({ items }) => items),
    deliveredBy?.slot ?? null,
    deliveredBy?.epoch ?? null,
    leaves.mark,
    listOf(plans, ({ goneFacts }) => goneFacts),
    listOf(plans, ({ saidFacts }) => saidFacts),
    listOf(plans, ({ keys }) => keys),
    listOf(plans, ({ audit }) => audit),
  ])
}

/** While a backfill is under way: a second statement sees what the backfill wrote until the first had its locks. */
async function writeWithUnready(
  tx: Db,
  batch: Batch,
  leaves: Leaves,
  plans: readonly Plan[],
): Promise<WriteRow | undefined> {
  const row = await writeOnce(tx, batch, leaves, plans)
  const written = new Set(row?.written)
  const done = plans.filter(({ shadow }) => shadow && written.has(keyOfRow(shadow)))
  if (done.length > 0) {
    await tx.rows(rewriteFacts, [
      listOf(done, ({ unready }) => unready),
      listOf(done, ({ unreadyFacts }) => unreadyFacts),
    ])
  }
  return row
}
