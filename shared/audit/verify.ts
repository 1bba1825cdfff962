import type { Db } from '../db/database.ts'
import { listSeals, readSealable, type SealRow } from './seal-queries.ts'
import { rootOf, sealHolds } from './seal.ts'

export interface SealFault {
  readonly seal_id: string
  /** What does not hold: the signature, the chain to the seal before, or the records under it. */
  readonly fault: 'signature' | 'previous' | 'records'
  readonly at: string
}

export interface Verified {
  readonly seals: number
  readonly records: number
  /** Seals whose records are past their time and may be gone. */
  readonly aged: number
  readonly faults: SealFault[]
  /** The last seal that was looked at when the time was up: go on after it; null: that was all. */
  readonly next: string | null
}

export interface VerifyOptions {
  readonly now: Date
  /** The seal to go on after; 0: from the first one. */
  readonly after?: bigint
  readonly budgetMs?: number
}

const PAGE = 500
const ROWS_MAX = 100_000
const FAULTS_MAX = 100
/** Two years of seals are a million: one call does what fits into it. */
const BUDGET_MS = 6_000
/** A month less than records are kept. */
const KEPT_MS = 23 * 30 * 86_400_000

interface Tally {
  seals: number
  records: number
  aged: number
  readonly faults: SealFault[]
}

/** Computes seals anew from the records that stand in the database, each together with the one before. */
export async function verifyAudit(db: Db, options: VerifyOptions): Promise<Verified> {
  const { now, after = 0n, budgetMs = BUDGET_MS } = options
  const end = performance.now() + budgetMs
  const since = new Date(now.getTime() - KEPT_MS)
  const tally: Tally = { seals: 0, records: 0, aged: 0, faults: [] }
  let previous = after === 0n ? undefined : await sealAt(db, after)
  for (let place = after; ; place = previous?.seal_id ?? place) {
    const page = await db.rows(listSeals, [place, PAGE])
    for (const seal of page) {
      await look(db, seal, previous, since, tally)
      previous = seal
      if (performance.now() >= end) return { ...tally, next: String(seal.seal_id) }
    }
    if (page.length < PAGE) return { ...tally, next: null }
  }
}

async function sealAt(db: Db, id: bigint): Promise<SealRow | undefined> {
  const seal = await db.row(listSeals, [id - 1n, 1])
  return seal?.seal_id === id ? seal : undefined
}

async function look(
  db: Db,
  seal: SealRow,
  previous: SealRow | undefined,
  since: Date,
  tally: Tally,
): Promise<void> {
  const old = seal.at < since
  const fault = await sealFault(db, seal, previous, old)
  if (fault !== undefined && tally.faults.length < FAULTS_MAX) {
    tally.faults.push({ seal_id: String(seal.seal_id), fault, at: seal.at.toISOString() })
  }
  tally.seals += 1
  tally.records += Number(seal.rows)
  if (old) tally.aged += 1
}

async function sealFault(
  db: Db,
  seal: SealRow,
  previous: SealRow | undefined,
  old: boolean,
): Promise<SealFault['fault'] | undefined> {
  if (!sealHolds(seal)) return 'signature'
  if (!followsOn(seal, previous)) return 'previous'
  if (old) return undefined
  const rows = await db.rows(readSealable, [seal.from_xid, seal.to_xid, null, ROWS_MAX])
  return rootOf(rows).equals(seal.root) ? undefined : 'records'
}

function followsOn(seal: SealRow, previous: SealRow | undefined): boolean {
  if (previous === undefined) return seal.seal_id === 1n && seal.previous.length === 0
  return (
    seal.seal_id === previous.seal_id + 1n &&
    seal.from_xid === previous.to_xid &&
    seal.previous.equals(previous.root)
  )
}
