import type { Db } from '../db/database.ts'
import { sqlState } from '../db/transaction.ts'
import { countAhead, partitionAhead, partitionCap, partitionDrop } from './queries.ts'

const GIB = 2 ** 30
const AHEAD_LEAST = 3
const LOCK_TIMEOUT = '55P03'

export interface Partitions {
  readonly made: number
  readonly gone: number
  /** The oldest day of the shadow history went early, since the table is above its cap. */
  readonly capped: boolean
  /** Why health is red; null: all is well. */
  readonly problem: string | null
}

/** Makes partitions ahead, drops what has ended, keeps the shadow history below its cap. Behind a reader it waits for the next tick. */
export async function keepPartitions(db: Db, historyCapGib: number): Promise<Partitions> {
  const parents = (await db.rows(countAhead, [])).map((row) => row.parent)
  let made = 0
  let gone = 0
  for (const parent of parents) {
    made += (await unlessLocked(() => db.row(partitionAhead, [parent])))?.made ?? 0
    gone += (await unlessLocked(() => db.row(partitionDrop, [parent])))?.gone ?? 0
  }
  const bytes = BigInt(Math.round(historyCapGib * GIB))
  const cap = await unlessLocked(() => db.row(partitionCap, ['shadow_history', bytes]))
  const short = (await db.rows(countAhead, [])).filter((row) => row.ahead < AHEAD_LEAST)
  const names = short.map((row) => row.parent).join(', ')
  const problem = short.length === 0 ? null : `too few partitions ahead: ${names}`
  return { made, gone, capped: cap?.dropped === true, problem }
}

async function unlessLocked<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (sqlState(error) === LOCK_TIMEOUT) return undefined
    throw error
  }
}
